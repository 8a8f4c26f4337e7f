"""Losses of single layers in a file: what an interrupted run goes on from, and what later searches read.

The file says what it is about, and holds each loss with what was rounded. It is written anew as losses are found, whole
or not at all, not more often than every few seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from detquant.errors import OptionError
from detquant.pipeline.outputs import LOSSES
from detquant.report.plain_values import of_plain
from detquant.report.together import write_whole
from detquant.search.trials import Key
from detquant.untrusted import parse_json, read_text

MOST_BYTES = 64 * 2**20
SECONDS = 2.0
"""Time between two writings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What losses are about.

    Attributes:
        model: name of the model's file.
        model_sha256: SHA-256 of it.
        target: the place whose grids are tried.
        recipe: name of the recipe whose plan says what is in codes.
        measure: name of the measure.
        images: how many images it is taken on.
        key: digest of all that the losses depend on.
    """

    model: str
    model_sha256: str
    target: str
    recipe: str
    measure: str
    images: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    kind: str
    name: str
    bits: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    about: Subject
    losses: tuple[_Loss, ...]


@dataclass(slots=True)
class Losses:
    """The losses that are known, in a file or in memory alone.

    Attributes:
        about: what they are about.
        path: the file; None to keep them in memory.
        known: loss by what was rounded.
    """

    about: Subject
    path: Path | None = None
    known: dict[Key, float] = field(default_factory=dict)
    _written: float = 0.0

    def add(self, found: Mapping[Key, float]) -> None:
        """Writes down losses."""
        self.known |= found
        if time.monotonic() - self._written > SECONDS:
            self.keep()

    def keep(self) -> None:
        """Writes the file."""
        if self.path is not None:
            write_whole(self.path, self.content())
            self._written = time.monotonic()

    def content(self) -> bytes:
        """The file: the same losses, the same bytes."""
        losses = ({"kind": k, "name": n, "bits": b, "loss": self.known[k, n, b]} for k, n, b in sorted(self.known))
        return (json.dumps({"about": asdict(self.about), "losses": list(losses)}, indent=1) + "\n").encode()


def read_losses(path: str | os.PathLike[str]) -> Losses:
    """The losses in a file, or in a folder of results.

    Raises:
        OptionError: it cannot be read, or holds something else.
    """
    file = Path(path)
    file = file / LOSSES if file.is_dir() else file
    try:
        found = of_plain(_Content, parse_json(read_text(file, MOST_BYTES)), "the file")
    except OSError as error:
        raise OptionError(f"Cannot read the sensitivities in '{file}': {error.strerror or error}.") from error
    except ValueError as error:
        raise OptionError(f"'{file}' holds no sensitivities ({error}): give a file of detquant sensitivity.") from error
    if broken := next((one for one in found.losses if not _is_sound(one)), None):
        raise OptionError(f"'{file}' has a loss of '{broken.name}' that is none: measure it again.")
    return Losses(
        about=found.about, path=file, known={(one.kind, one.name, one.bits): one.loss for one in found.losses}
    )


def _is_sound(one: _Loss) -> bool:
    return one.kind in ("weight", "tensor") and 2 <= one.bits <= 32 and abs(one.loss) < float("inf")


def resumed(path: Path | None, about: Subject) -> Losses:
    """The losses to go on from: those that an earlier run has kept in a file, or none.

    Args:
        path: the file, which need not be there; None for memory alone.
        about: what is to be measured.
    """
    with suppress(OptionError):  # not there, or not whole: it is written anew
        if path is not None and (found := read_losses(path)).about.key == about.key:
            return Losses(about=about, path=path, known=found.known)
    return Losses(about=about, path=path)


def require_about(losses: Losses, model_sha256: str, target: str) -> None:
    """Refuses losses of another model, or on another target's grids.

    Raises:
        OptionError: that is so.
    """
    where = f"The sensitivities in '{losses.path}' are"
    if losses.about.model_sha256 != model_sha256:
        raise OptionError(f"{where} of the model '{losses.about.model}', another file than this: measure them again.")
    if losses.about.target != target:
        raise OptionError(f"{where} for {losses.about.target}, and this is {target}: measure them there.")
