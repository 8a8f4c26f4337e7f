"""Rounding with compensation: codes whose weighted squared error to a given weight is small.

For a layer's rows ``w`` (``[O, K]``), wished for at ``w*``, the error of its outputs is ``(w - w*) H (w - w*)^T`` with
one ``H`` (``[K, K]``) for all rows. Three steps, repeated with finer steps of the grid:

1. Column by column, the error of what is rounded is carried to the columns that are not (Frantar et al. 2022, GPTQ,
   eq. 2 and 3, with the Cholesky factor of ``H^-1``), those with the largest ``H`` first.
2. Coordinate descent: each code takes its best value while all others stay (Behdin et al. 2023, QuantEase, eq. 8).
3. The step of each channel is solved anew for the codes as they are: ``s = (c H w*) / (c H c)``.

Steps that are powers of two are not solved, since codes would have to be off by a third for another to be nearer. The
codes of each channel are found at a few of them, and the one with the smallest error stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from detquant.calibration import drawn_to_zero, nearest_of
from detquant.numerics.arrays import Bools, Doubles, Floats, Ints
from detquant.numerics.powers_of_two import SMALLEST_POWER, power_above

Limit = Callable[[Floats], Floats]
"""Brings codes ``[G, O, K]`` within what kernels add up without overflow."""

BLOCK, SWEEPS = 64, 4
LEAST_ADDED, MOST_ADDED = 1e-4, 1.0
"""What is added to a diagonal that is too small, as a share of its mean: ten times as much until it is enough."""
RATIOS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3)
COARSER = (1.06, 1.12, 1.2, 1.28, 1.38, 1.5, 1.7, 2.0)
"""More of them, where neighbours must be drawn in so that no pair overflows."""
OCTAVES, COARSER_OCTAVE = (1.0, 0.5, 0.25), (2.0,)
"""The powers of two that are tried, as shares of the first that leaves nothing more than a step outside; one more of
them where neighbours must be drawn in."""


def inverse_root(matrices: Floats) -> Doubles:
    """The Cholesky factors of the inverses of ``[G, K, K]``.

    Where a few inputs are larger by orders of magnitude, what single precision cuts off is more than what the others
    have, and a matrix is not positive definite. Then as much is added to the diagonals as makes it so.
    """
    h = matrices.astype(np.float64)
    diagonal, more = np.diagonal(h, axis1=1, axis2=2).mean(axis=1)[:, None, None] * np.eye(h.shape[1]), 0.0
    while True:
        try:
            return np.asarray(np.linalg.cholesky(np.linalg.inv(h + more * diagonal)), np.float64)
        except np.linalg.LinAlgError:
            if more >= MOST_ADDED:
                raise
            more = max(10 * more, LEAST_ADDED)


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """A layer that is being rounded; all arrays have a leading axis of groups.

    Attributes:
        wished: ``w*``, ``[G, O, K]``.
        hessian: ``H``, ``[G, K, K]``, positive definite.
        channel: ``[G, O]``, place of each row's step among the steps.
        qmin: smallest code.
        qmax: largest code.
        floor: smallest step of each, ``[steps]``.
        limit: what kernels add up without overflow; None where it cannot.
        mask: ``[G, O, K]``, True where a code may be other than 0; None where all may.
        book: codes that there are, ascending, with 0 where there is a limit or a mask; None for all whole numbers from
            ``qmin`` to ``qmax``.
        power_of_two: whether steps are powers of two; those of ``floor`` are too, or 0.
    """

    wished: Floats
    hessian: Floats
    channel: Ints
    qmin: int
    qmax: int
    floor: Floats
    limit: Limit | None = None
    mask: Bools | None = None
    book: Ints | None = None
    power_of_two: bool = False

    def nearest(self, numbers: Floats) -> Floats:
        """The codes that there are nearest to some numbers, whatever the mask."""
        if self.book is not None:
            return nearest_of(self.book, numbers)
        return np.asarray(np.clip(np.rint(numbers), self.qmin, self.qmax), np.float32)

    def bounds(self) -> tuple[Floats, Floats]:
        """The smallest and the largest code of each place, ``[G, O, K]``."""
        ends = (self.qmin, self.qmax) if self.book is None else (self.book[0], self.book[-1])
        low, high = (np.full(self.wished.shape, end, np.float32) for end in ends)
        return (low, high) if self.mask is None else (low * self.mask, high * self.mask)

    def steps_of(self, scale: Floats) -> Floats:
        """The step of each row, ``[G, O, 1]``."""
        return np.asarray(scale[self.channel][..., None], np.float32)

    def first_steps(self) -> Floats:
        """Steps with the smallest error when each column counts by its ``H`` alone, ``[steps]``."""
        diagonal = np.diagonal(self.hessian, axis1=1, axis2=2)[:, None, :]
        best, least = np.zeros(len(self.floor), np.float32), np.full(len(self.floor), np.inf)
        for scale in self._tried():
            steps = self.steps_of(scale)
            off = self.limited(self.nearest(self.wished / steps)) * steps - self.wished
            error = self._by_step((np.square(off) * diagonal).sum(axis=2, dtype=np.float64))
            better = error < least
            best[better], least[better] = scale[better], error[better]
        return best

    def _tried(self) -> Iterator[Floats]:
        """The steps that are tried, ``[steps]`` each."""
        limit = np.zeros(len(self.floor), np.float32)
        np.maximum.at(limit, self.channel, np.abs(self.wished).max(axis=2))
        shares: tuple[float, ...] = RATIOS + (COARSER if self.limit else ())
        first, smallest = np.asarray(limit / self.qmax, np.float32), np.float32(1e-12)
        if self.power_of_two:
            shares = OCTAVES + (COARSER_OCTAVE if self.limit else ())
            first, smallest = power_above(limit / (self.qmax + 1)), SMALLEST_POWER
        for share in shares:
            yield np.asarray(np.maximum(np.maximum(first * np.float32(share), self.floor), smallest), np.float32)

    def _by_step(self, rows: Doubles | Floats) -> Doubles:
        """Sums over the rows on each step, ``[steps]``."""
        total = np.zeros(len(self.floor))
        np.add.at(total, self.channel, rows)
        return total

    def solved(self) -> tuple[Floats, Floats]:
        """The codes ``[G, O, K]`` that are found, and steps ``[steps]``."""
        if not self.power_of_two:
            return self.codes(self.first_steps())
        best, codes = np.zeros(len(self.floor), np.float32), np.zeros_like(self.wished)
        least, factors = np.full(len(best), np.inf), self.factors()
        for scale in self._tried():
            found = self.within(self.descended(self.carried(scale, factors), scale, SWEEPS), scale, SWEEPS)
            error = self._by_step(self.error(found * self.steps_of(scale)))
            better = error < least
            best, least = np.where(better, scale, best), np.where(better, error, least)
            codes = np.where(better[self.channel][..., None], found, codes)
        return codes, best

    def limited(self, codes: Floats) -> Floats:
        """Codes as the mask says, and within what kernels add up without overflow."""
        codes = codes if self.mask is None else np.asarray(codes * self.mask, np.float32)
        if self.limit is None:
            return codes
        drawn = self.limit(codes)
        return drawn if self.book is None else drawn_to_zero(self.book, drawn)

    def codes(self, scale: Floats, rounds: int = 3, sweeps: int = SWEEPS) -> tuple[Floats, Floats]:
        """Codes ``[G, O, K]`` and steps ``[steps]``."""
        return self.refined(self.carried(scale), scale, rounds, sweeps)

    def refined(self, codes: Floats, scale: Floats, rounds: int = 3, sweeps: int = SWEEPS) -> tuple[Floats, Floats]:
        """Better codes and steps than these (cases 2 and 3, by turns)."""
        for _ in range(rounds):
            codes = self.within(self.descended(codes, scale, sweeps), scale, sweeps)
            scale = self.solved_steps(codes, scale)
        return self.within(self.descended(codes, scale, sweeps), scale, sweeps), scale

    def within(self, codes: Floats, scale: Floats, sweeps: int) -> Floats:
        """Codes within the limits; the others make good what those lose that are drawn in."""
        kept = self.limited(codes)
        drawn = kept != codes
        if not drawn.any():
            return kept
        low, high = self.bounds()
        low, high = np.where(drawn, np.minimum(kept, 0), low), np.where(drawn, np.maximum(kept, 0), high)
        return self.limited(self.descended(kept, scale, sweeps, low, high))

    def factors(self) -> tuple[Ints, Floats]:
        """What case 1 goes by: the order of columns, ``[G, K]``, and the factors of the inverses in that order."""
        order = np.argsort(-np.diagonal(self.hessian, axis1=1, axis2=2), axis=1, kind="stable")
        h = np.take_along_axis(np.take_along_axis(self.hessian, order[:, :, None], 1), order[:, None, :], 2)
        return order, inverse_root(h).swapaxes(1, 2).astype(np.float32)

    def carried(self, scale: Floats, factors: tuple[Ints, Floats] | None = None) -> Floats:
        """Case 1; with its factors where they are known."""
        order, u = factors or self.factors()
        back = np.argsort(order, axis=1)
        w = np.take_along_axis(self.wished, order[:, None, :], 2).astype(np.float32)
        mask = None if self.mask is None else np.take_along_axis(self.mask, order[:, None, :], 2)
        codes, steps = np.zeros_like(w), self.steps_of(scale)[..., 0]
        count = w.shape[2]
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            errors = np.zeros((*w.shape[:2], stop - start), np.float32)
            for j in range(start, stop):
                codes[..., j] = self.nearest(w[..., j] / steps)
                if mask is not None:
                    codes[..., j] *= mask[..., j]
                error = (w[..., j] - codes[..., j] * steps) / u[:, j, j][:, None]
                errors[..., j - start] = error
                w[..., j:stop] -= error[..., None] * u[:, None, j, j:stop]
            w[..., stop:] -= errors @ u[:, start:stop, stop:]
        return np.take_along_axis(codes, back[:, None, :], 2)

    def descended(
        self, codes: Floats, scale: Floats, sweeps: int, low: Floats | None = None, high: Floats | None = None
    ) -> Floats:
        """Case 2; within bounds ``[G, O, K]`` of each code where they are given."""
        if low is None or high is None:
            low, high = self.bounds()
        steps = self.steps_of(scale)
        codes = codes.copy()
        left = (self.wished - codes * steps) @ self.hessian
        count, step = codes.shape[2], steps[..., 0]
        own = np.diagonal(self.hessian, axis1=1, axis2=2)
        for _ in range(sweeps):
            moved = False
            for start in range(0, count, BLOCK):
                stop = min(start + BLOCK, count)
                here, change = left[..., start:stop], np.zeros((*codes.shape[:2], stop - start), np.float32)
                inner = self.hessian[:, start:stop, start:stop]
                for j in range(stop - start):
                    column = codes[..., start + j]
                    best = self.nearest(column + here[..., j] / (own[:, start + j][:, None] * step))
                    best = np.minimum(np.maximum(best, low[..., start + j]), high[..., start + j])
                    d = (best - column) * step
                    if d.any():
                        codes[..., start + j] = best
                        change[..., j] = d
                        here = here - d[..., None] * inner[:, None, j, :]
                if change.any():
                    moved = True
                    left -= change @ self.hessian[:, start:stop, :]
            if not moved:
                break
        return codes

    def solved_steps(self, codes: Floats, scale: Floats) -> Floats:
        """Case 3; powers of two stay."""
        if self.power_of_two:
            return scale
        weighted = codes @ self.hessian
        above = self._by_step((weighted * self.wished).sum(axis=2, dtype=np.float64))
        below = self._by_step((weighted * codes).sum(axis=2, dtype=np.float64))
        solved = np.where((above > 0) & (below > 0), above / np.maximum(below, 1e-30), scale)
        return np.asarray(np.maximum(solved, np.maximum(self.floor, 1e-12)), np.float32)

    def error(self, values: Floats) -> Floats:
        """Error of each row's real values, ``[G, O]``."""
        off = values - self.wished
        return np.asarray(((off @ self.hessian) * off).sum(axis=2), np.float32)
