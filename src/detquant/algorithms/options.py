"""Options of a step, checked against the fields of the algorithm's dataclass.

A field's annotation says what an option may be: ``int``, ``float``, ``bool``, ``str``, a ``Literal``, a tuple of these,
or one of these or None; ``Annotated[int, Within(1)]`` bounds a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from detquant.errors import RecipeError, unknown_name
from detquant.untrusted import shown


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a number, both included.

    Attributes:
        low: the smallest number allowed; None where there is no lower bound.
        high: the largest number allowed; None where there is no upper bound.
        above: whether ``low`` itself is refused.
    """

    low: float | None = None
    high: float | None = None
    above: bool = False

    def holds(self, number: float) -> bool:
        """Whether ``number`` is within the bounds."""
        low = self.low is None or number > self.low or (number == self.low and not self.above)
        return low and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'of at least'} {self.low}" if self.low is not None else ""
        return " and ".join(filter(None, [low, f"of at most {self.high}" if self.high is not None else ""]))


Count = Annotated[int, Within(1)]
Whole = Annotated[int, Within(0)]
Share = Annotated[float, Within(0, 1)]
Positive = Annotated[float, Within(0, above=True)]
PositiveShare = Annotated[float, Within(0, 1, above=True)]
NotNegative = Annotated[float, Within(0)]


RENAMED = {
    "tolerable": "tolerance",
    "guilty": "tensor_tolerance",
    "share": "tensor_share",
    "minor": "min_share",
    "masked": "max_remaining",
}
"""Options by the names that they had before, so that the error about an old one says what to write instead."""


def checked(step: str, kind: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the algorithm takes them: lists as tuples, whole numbers as floats where those are wanted.

    Args:
        step: name, for messages.
        kind: dataclass of the algorithm.
        options: the options as they were written, by name.

    Raises:
        RecipeError: one is unknown, missing, or not what it should be.
    """
    hints = get_type_hints(kind, include_extras=True)
    known = {one.name: hints[one.name] for one in fields(kind) if one.init}
    for name in options:
        if name not in known:
            raise RecipeError(f"Step '{step}': {unknown_name('option', name, known, RENAMED)}")
    for one in fields(kind):
        if _is_needed(one) and one.name not in options:
            raise RecipeError(f"Step '{step}' needs the option {one.name}, {expected(known[one.name])}.")
    return {name: _fitting(value, known[name], f"Step '{step}': {name}") for name, value in options.items()}


def _is_needed(one: Field[Any]) -> bool:
    return one.init and one.default is MISSING and one.default_factory is MISSING


def _fitting(value: object, hint: Any, what: str) -> Any:
    try:
        return _fit(value, hint)
    except _Misfit:
        raise RecipeError(f"{what} = {shown(value)}, expected {expected(hint)}.") from None


class _Misfit(Exception):
    """A value is not of the type that an annotation asks for."""


def _fit(value: Any, hint: Any) -> Any:
    """The value as ``hint`` wants it."""
    if hint in _PLAIN:
        return _PLAIN[hint].take(value)
    kind, parts = get_origin(hint), get_args(hint)
    if kind is None and hint is NoneType:
        return _required(value, value is None)
    return _COMPOUND[kind].take(value, parts)


def expected(hint: Any) -> str:
    """A phrase that says what an annotation allows, for messages."""
    if hint in _PLAIN:
        return _PLAIN[hint].words
    return "none" if hint is NoneType else _COMPOUND[get_origin(hint)].words(get_args(hint))


def _required(value: Any, fits: bool) -> Any:
    if not fits:
        raise _Misfit
    return value


def _number(value: Any) -> float:
    """The value as a finite float; whole numbers are taken, booleans are not."""
    _required(value, isinstance(value, (int, float)) and not isinstance(value, bool))
    try:
        number = float(value)
    except OverflowError:
        raise _Misfit from None
    return float(_required(number, math.isfinite(number)))


@dataclass(frozen=True, slots=True)
class _Plain:
    words: str
    take: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compound:
    words: Callable[[tuple[Any, ...]], str]
    take: Callable[[Any, tuple[Any, ...]], Any]


def _annotated(value: Any, parts: tuple[Any, ...]) -> Any:
    found = _fit(value, parts[0])
    return _required(found, all(bound.holds(found) for bound in parts[1:] if isinstance(bound, Within)))


def _literal(value: Any, parts: tuple[Any, ...]) -> Any:
    return _required(value, any(value == one and type(value) is type(one) for one in parts))


def _tuple(value: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    _required(value, isinstance(value, (list, tuple)))
    items = parts[:1] * len(value) if parts[1:] == (...,) else parts
    _required(value, len(items) == len(value))
    return tuple(_fit(one, item) for one, item in zip(value, items, strict=True))


def _union(value: Any, parts: tuple[Any, ...]) -> Any:
    for part in parts:
        try:
            return _fit(value, part)
        except _Misfit:
            continue
    raise _Misfit


def _tuple_words(parts: tuple[Any, ...]) -> str:
    if parts[1:] == (...,):
        return f"a list, each item {expected(parts[0])}"
    return f"a list of {' and '.join(expected(part) for part in parts)}"


def _bounded_words(parts: tuple[Any, ...]) -> str:
    return " ".join([expected(parts[0]), *(str(bound) for bound in parts[1:] if isinstance(bound, Within))])


_PLAIN: Mapping[Any, _Plain] = {
    int: _Plain("a whole number", lambda value: _required(value, type(value) is int)),
    float: _Plain("a number", _number),
    bool: _Plain("true or false", lambda value: _required(value, isinstance(value, bool))),
    str: _Plain("text", lambda value: _required(value, isinstance(value, str))),
}
_ONE_OF = _Compound(lambda parts: " or ".join(map(expected, parts)), _union)
_COMPOUND: Mapping[Any, _Compound] = {
    Annotated: _Compound(_bounded_words, _annotated),
    Literal: _Compound(lambda parts: " or ".join(map(repr, parts)), _literal),
    tuple: _Compound(_tuple_words, _tuple),
    Union: _ONE_OF,
    UnionType: _ONE_OF,
}
