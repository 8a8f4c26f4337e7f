"""The units that are learnt so far, as a checkpoint keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.reconstruction.numbers import Numbers
from detquant.numerics.arrays import Floats

CLEARLY = 0.05
"""Share of the error that what is learnt must spare. A hundredth says nothing on a few images held back, and what refit
has won by other measures than this error is lost for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has become of a unit.

    Attributes:
        layers: its layers.
        before: error on the images held back, as a share of what the unit gives: mean over its outputs.
        after: the same with what was learnt.
        numbers: what was taken.
    """

    layers: tuple[str, ...]
    before: float
    after: float
    numbers: Numbers

    @property
    def taken(self) -> bool:
        """Whether what was learnt is clearly better than what was there."""
        return self.after < (1 - CLEARLY) * self.before


class LearntUnits:
    """Outcomes by the layers of the unit.

    Args:
        checkpoint: where an earlier run has left its units, and these are kept.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._arrays = checkpoint.load()

    def get(self, layers: tuple[str, ...]) -> Outcome | None:
        """The outcome of a unit; None where it is not learnt yet."""
        errors = self._arrays.get(f"errors:{layers[0]}")
        if errors is None or not all(f"codes:{name}" in self._arrays for name in layers):
            return None
        before, after = errors.tolist()
        return Outcome(
            layers=layers,
            before=before,
            after=after,
            numbers=Numbers(
                codes={name: np.asarray(self._arrays[f"codes:{name}"], np.int64) for name in layers},
                biases={name: self._floats(f"bias:{name}") for name in layers},
                scales=dict(self._scales(f"scale:{layers[0]}:")),
            ),
        )

    def add(self, outcome: Outcome) -> None:
        """One more unit; written to the checkpoint when it is time."""
        numbers, first = outcome.numbers, outcome.layers[0]
        self._arrays |= {f"codes:{name}": codes.astype(np.int32) for name, codes in numbers.codes.items()}
        self._arrays |= {f"bias:{name}": bias for name, bias in numbers.biases.items() if bias is not None}
        self._arrays |= {f"scale:{first}:{root}": scale for root, scale in numbers.scales.items()}
        self._arrays[f"errors:{first}"] = np.array([outcome.before, outcome.after])
        self._checkpoint.keep(self._arrays)

    def finish(self) -> None:
        """Writes all of them."""
        self._checkpoint.keep(self._arrays, now=True)

    def _floats(self, key: str) -> Floats | None:
        found = self._arrays.get(key)
        return None if found is None else np.asarray(found, np.float32)

    def _scales(self, start: str) -> Iterator[tuple[str, Floats]]:
        for key in self._arrays:
            if key.startswith(start):
                yield key.removeprefix(start), np.asarray(self._arrays[key], np.float32)
