"""The layers that are solved so far, as a checkpoint keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.refit.layer_solver import Solved
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Array, Floats


class SolvedLayers:
    """Layers by name, in the order in which they were solved.

    Args:
        checkpoint: where an earlier run has left its layers, and these are kept.
        grids: grid of each layer's weight before it is solved.
    """

    def __init__(self, checkpoint: Checkpoint, grids: Mapping[str, QuantParams]) -> None:
        self._checkpoint, self._grids = checkpoint, dict(grids)
        self._arrays = checkpoint.load()
        self._done = {name: self._layer(name) for name in self._names()}

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, name: object) -> bool:
        return name in self._done

    def __getitem__(self, name: str) -> Solved:
        return self._done[name]

    def values(self) -> list[Solved]:
        """All of them."""
        return list(self._done.values())

    def add(self, name: str, solved: Solved) -> None:
        """One more layer; written to the checkpoint when it is time."""
        self._done[name] = solved
        self._arrays |= dict(_arrays(name, solved))
        self._checkpoint.keep(self._arrays)

    def finish(self) -> None:
        """Writes all of them."""
        self._checkpoint.keep(self._arrays, now=True)

    def _names(self) -> list[str]:
        return [key.removeprefix("weight:") for key in self._arrays if key.startswith("weight:")]

    def _layer(self, name: str) -> Solved:
        error, before = self._arrays[f"errors:{name}"].tolist()
        bias, book = (self._arrays.get(f"{what}:{name}") for what in ("bias", "book"))
        return Solved(
            weight=_floats(self._arrays[f"weight:{name}"]),
            grid=replace(self._grids[name], scale=_floats(self._arrays[f"scale:{name}"])),
            bias=None if bias is None else _floats(bias),
            error=error,
            error_before=before,
            book=None if book is None else np.asarray(book, np.int64),
        )


def _arrays(name: str, solved: Solved) -> Iterator[tuple[str, Array]]:
    yield f"weight:{name}", solved.weight
    yield f"errors:{name}", np.array([solved.error, solved.error_before])
    yield f"scale:{name}", solved.grid.scale
    if solved.bias is not None:
        yield f"bias:{name}", solved.bias
    if solved.book is not None:
        yield f"book:{name}", solved.book


def _floats(array: Array) -> Floats:
    return np.asarray(array, np.float32)
