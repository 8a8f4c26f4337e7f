"""What a long step has done so far, kept in a file: an interrupted run goes on from there, and an equal one is done.

A file holds one state of work on one model: it is told by a digest of the model as the step was given it and of the
step's options. What is of another digest, or cannot be read, is as if there were none.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from detquant.calibration import QuantModel
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Array

EVERY_S = 20.0
"""Seconds between two files: writing them all the time would cost more than doing the work again."""
DIGEST = "digest"


class Checkpoint:
    """A step's arrays by name, kept from time to time.

    Args:
        path: the file; None to keep nothing.
        digest: of all that the work follows from, see `digest_of`.
    """

    def __init__(self, path: Path | None, digest: str) -> None:
        self._path, self._digest, self._written = path, digest, time.monotonic()

    def load(self) -> dict[str, Array]:
        """The arrays that an equal run has left; none where there is no such file."""
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return {}
        return found if str(found.pop(DIGEST, "")) == self._digest else {}

    def keep(self, arrays: Mapping[str, Array], *, now: bool = False) -> None:
        """Writes the arrays if some time has gone by since the last file.

        Args:
            arrays: all that is done so far.
            now: write in any case.
        """
        if self._path is None or not (now or time.monotonic() - self._written > EVERY_S):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(self._path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **{DIGEST: np.array(self._digest), **arrays})
        partial.replace(self._path)
        self._written = time.monotonic()


def digest_of(qm: QuantModel, *settings: object) -> str:
    """A digest of a quantised model, weights and grids and plan, and of settings that print what they are."""
    total = hashlib.sha256(repr((settings, qm.plan)).encode())
    for name, array in _arrays(qm):
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _arrays(qm: QuantModel) -> Iterator[tuple[str, Array]]:
    originals = (qm.original.model,) if qm.original else ()
    for model in (qm.reference, qm.model, *originals):
        for name, value in sorted(model.graph.initializers.items()):
            if value.const_value is not None:
                yield name, np.asarray(value.const_value.numpy())
    for table in (qm.params, qm.weights):
        for name, grid in sorted(table.items()):
            yield from _of_grid(name, grid)
    for name, allowed in sorted(qm.allowed.items()):
        for array in (allowed.mask, allowed.book):
            if array is not None:
                yield name, array


def _of_grid(name: str, grid: QuantParams) -> Iterator[tuple[str, Array]]:
    yield f"{name} {grid.qtype} {grid.axis}", grid.scale
    yield name, grid.zero_point
