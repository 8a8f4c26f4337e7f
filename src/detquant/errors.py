"""Every error a user can meet, as one tree.

    DetquantError                   all below; the command line prints one sentence, exit code 2
    ├── ModelError                  the model file: unreadable, truncated, of the wrong kind or family
    │   └── UnsupportedOperator     an operator that a target or a pass cannot take
    ├── RecipeError                 an unknown recipe, step or option, or a wish that makes no sense
    ├── DatasetError                data.yaml, annotations, images
    ├── CalibrationError            no images, activations that are not finite
    ├── TargetError                 a place to run that is unknown or refuses the model
    ├── OutputError                 a result that cannot be written
    ├── ReportError                 what was named as a run and is none
    ├── OptionError                 an option of a command or a call that is out of its bounds
    ├── WorkerError                 processes or machines that work was spread over, and that were lost
    ├── NotReached                  an aim that no model met; the best one that was found is written
    ├── FetchError                  a file of the zoo that cannot be had, or is not the one that was meant
    │   └── Unreachable             its server gives no answer: without a network, or while it is down
    └── MissingExtra                an optional dependency that is not installed

A message says what was found, what was expected and what to do.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any

from detquant.untrusted.shown import printable


class DetquantError(Exception):
    """Base of all errors that a user can act on.

    Its message names files, operators and fields as others wrote them, so what does not print is marked in it, and one
    of more than `LONGEST` characters loses its middle.

    Examples:
        >>> import detquant
        >>> try:
        ...     detquant.load("yolov8-pcio")
        ... except detquant.DetquantError as error:
        ...     print(error)
        'yolov8-pcio' does not exist: expected a model file, or did you mean the embedded 'yolov8-pico'?
    """

    LONGEST = 1000

    def __init__(self, message: str) -> None:
        text = printable(message)
        if len(text) > self.LONGEST:
            text = f"{text[: self.LONGEST - 305]} ... {text[-300:]}"
        super().__init__(text)


class ModelError(DetquantError):
    """The model file cannot be read or is not what was asked for."""


class UnsupportedOperator(ModelError):
    """An operator that a target or a pass cannot take."""


class RecipeError(DetquantError):
    """A recipe is unknown or makes no sense."""


class DatasetError(DetquantError):
    """The data set is missing, incomplete or does not fit the model."""


class CalibrationError(DetquantError):
    """Calibration cannot give usable ranges."""


class TargetError(DetquantError):
    """A place to run is unknown or refuses the model."""


class OutputError(DetquantError):
    """A result cannot be written."""


class ReportError(DetquantError):
    """What was named as a run is none."""


class OptionError(DetquantError):
    """An option is out of its bounds."""


class WorkerError(DetquantError):
    """Processes or machines that work was spread over were lost."""


class NotReached(DetquantError):
    """An aim that no model met; the best one that was found is written."""


class FetchError(DetquantError):
    """A file of the zoo cannot be had, or is not the one that was meant."""


class Unreachable(FetchError):
    """The server of a file gives no answer."""


class MissingExtra(DetquantError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: run  pip install 'detquant[{extra}]'")


LIKENESS = 0.65
"""Likeness from which one name is taken for another misspelt; equal ones have 1, "nope" and "opencv" 0.6."""


def unknown_name(
    kind: str,
    name: str,
    known: Iterable[str],
    renamed: Mapping[str, str] | None = None,
    besides: Iterable[str] = (),
) -> str:
    """A sentence for a name that is in no table, with the nearest one that is.

    Args:
        kind: what the name stands for, such as "recipe".
        name: what was given.
        known: the names that exist.
        renamed: former name -> the one that took its place.
        besides: names that exist too, too many to be listed.

    Returns:
        "Unknown recipe 'w8a9': did you mean 'w8a8'? Known: ..."
    """
    names = sorted(known)
    now = (renamed or {}).get(name)
    near = now if now in names else nearest_name(name, [*names, *besides])
    hint = f"did you mean '{near}'? " if near else ""
    return f"Unknown {kind} '{name}': {hint}Known: {', '.join(names)}."


def nearest_name(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The name that was probably meant, whether in capitals or not.

    Args:
        name: what was given.
        known: the names that exist.
        likeness: what the nearest must have at least, from 0 to 1 for the same name.

    Returns:
        The nearest name, or None if none is near.
    """
    names = {one.casefold(): one for one in sorted(known)}
    return next((names[one] for one in difflib.get_close_matches(name.casefold(), names, n=1, cutoff=likeness)), None)


def in_short(error: BaseException, longest: int = 200) -> str:
    """One line about an exception of any class, for libraries whose errors have no common base.

    Args:
        error: the exception.
        longest: most characters to keep.

    Returns:
        The class and the message on one line, without a full stop, to stand in a sentence.
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:longest].rstrip(".")


def load_named(
    kind: str, name: str, table: Mapping[str, str], error: type[DetquantError], also: Iterable[str] = ()
) -> Any:
    """The object that a table of "package.module:object" has under a name; its module is imported only now.

    Args:
        kind: what the names stand for, such as "engine".
        name: what was given.
        table: the objects' places, by name.
        error: to raise.
        also: names that are taken where this one was given, for the sentence.

    Raises:
        DetquantError: the table has no such name; the error is of the class given.
    """
    if name not in table:
        raise error(unknown_name(kind, name, [*table, *also]))
    return pkgutil.resolve_name(table[name])
