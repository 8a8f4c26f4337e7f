"""The search for the grid of one tensor, by whatever loss: a few dozen grids are tried, each at most once.

A grid of ``n`` levels is its step ``s`` and its zero point ``z``, that is both ends of the range apart. From
the grid that is begun with, the search goes on from the best so far:

1. both ends drawn in, or let out, together: ``s`` times each of `COARSE`, ``z`` as it is;
2. the low end alone: ``z`` moved by up to a quarter of the levels, and ``s`` such that the high end stays. With few
   bits this decides how many codes a SiLU's small negative values get: none, one or two;
3. the high end alone, likewise, by `COARSE`;
4. 1. again in small steps (`FINE`), and 2. by single codes.

Symmetric grids have one number, and 1. and 4. are all there is to do. Where steps are powers of two, each that is
wished for becomes the nearest one: those up to four times as fine are tried, and the one that is twice as coarse. Of
grids with equal loss the one tried first stays, so the search gives the same answer every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from detquant.numerics import QuantParams, QuantSpec
from detquant.numerics.grid import SMALLEST_SCALE
from detquant.numerics.powers_of_two import nearest_power
from detquant.numerics.rounding import half_even

Loss = Callable[[QuantParams, float], float]
"""The loss of a grid, told the least so far: once it has more it need not go on, and any number above will do."""

COARSE = (0.85, 0.7, 0.55, 0.42, 0.3, 0.2, 1.2, 1.5)
FINE = (0.95, 1.05, 0.9, 1.1)
MOVES = (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
"""Shares of the levels by which a zero point moves at most; with few bits most of them are one code, or none."""


class Search:
    """The grids tried so far, and the best.

    Args:
        loss: gives the loss of a grid.
        spec: the wish for the grid.
    """

    def __init__(self, loss: Loss, spec: QuantSpec) -> None:
        self._loss, self._spec = loss, spec
        self.tried: dict[tuple[float, int], float] = {}
        self.best: QuantParams | None = None
        self.least = float("inf")

    def run(self, begin: QuantParams) -> QuantParams:
        """The best grid that the search finds.

        Args:
            begin: the grid to begin with, which stays where no other is better.
        """
        self._try(float(begin.scale), int(begin.zero_point))
        self._rounds(COARSE, wide=True)
        self._rounds(FINE, wide=False)
        return self._at()

    def _rounds(self, factors: Iterable[float], *, wide: bool) -> None:
        self._try_all(self._together(factors))
        if not self._spec.symmetric:
            self._try_all(self._low_end(wide))
            if wide:
                self._try_all(self._high_end(factors))

    def _try_all(self, grids: Iterator[tuple[float, int]]) -> None:
        for scale, zero in list(grids):
            self._try(scale, zero)

    def _try(self, scale: float, zero: int) -> None:
        q = self._spec.qtype
        step = float(nearest_power(scale)) if self._spec.power_of_two else max(scale, float(SMALLEST_SCALE))
        kept = np.float32(step), int(np.clip(zero, q.qmin, q.qmax))
        key = float(kept[0]), kept[1]
        if key in self.tried:
            return
        grid = QuantParams(q, np.asarray(kept[0]), np.asarray(kept[1], np.int64))
        self.tried[key] = loss = self._loss(grid, self.least)
        if loss < self.least:
            self.best, self.least = grid, loss

    def _at(self) -> QuantParams:
        assert self.best is not None, "one was tried"
        return self.best

    def _numbers(self) -> tuple[float, int]:
        return float(self._at().scale), int(self._at().zero_point)

    def _together(self, factors: Iterable[float]) -> Iterator[tuple[float, int]]:
        scale, zero = self._numbers()
        return ((scale * factor, zero) for factor in factors)

    def _low_end(self, wide: bool) -> Iterator[tuple[float, int]]:
        """Zero points around the present one, the high end kept."""
        (scale, zero), q = self._numbers(), self._spec.qtype
        levels = q.qmax - q.qmin
        steps = sorted({max(1, round(levels * share)) for share in MOVES}) if wide else [1]
        for step in (sign * step for step in steps for sign in (1, -1)):
            if q.qmin <= zero + step < q.qmax:
                yield scale * (q.qmax - zero) / (q.qmax - zero - step), zero + step

    def _high_end(self, factors: Iterable[float]) -> Iterator[tuple[float, int]]:
        """High ends around the present one, the low end kept as near as a zero point allows."""
        (scale, zero), q = self._numbers(), self._spec.qtype
        low, high = (q.qmin - zero) * scale, (q.qmax - zero) * scale
        for factor in factors:
            step = (high * factor - low) / (q.qmax - q.qmin)
            yield step, q.qmin - int(half_even(np.float64(low / max(step, float(SMALLEST_SCALE)))))
