"""Sums, products, means and mixtures of activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.operators._base import CodeArray, IntegerOperator, Shape
from detquant.integer.windows import windows_of
from detquant.numerics.multipliers import Multiplier


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sum(IntegerOperator):
    """``saturate((a M_a + b M_b + offset + 2^(S-1)) >> S)``; differences have a negative multiplier.

    Attributes:
        multiplier: one for each term, one shift for all.
        offset: sum that the zero points come to, in steps of ``2^-S``.
    """

    multiplier: Multiplier
    offset: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes for two maps of codes, broadcast."""
        terms = [one.astype(np.int64) * m for one, m in zip(codes, self.multiplier.multiplier, strict=True)]
        one_shift = Multiplier(np.asarray(1, np.int64), self.multiplier.shift)
        return self.saturated(one_shift.of(terms[0] + terms[1] + self.offset))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product(IntegerOperator):
    """``saturate(((a - z_a)(b - z_b) M >> S) + z_y)``.

    Attributes:
        multiplier: one.
        zeros: codes that stand for zero in what is read.
        zero_out: code that stands for zero in what is given.
    """

    multiplier: Multiplier
    zeros: tuple[int, int]
    zero_out: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes for two maps of codes, broadcast."""
        first, second = (one.astype(np.int64) - zero for one, zero in zip(codes, self.zeros, strict=True))
        return self.saturated(self.multiplier.of(first * second) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mean(IntegerOperator):
    """A mean: ``saturate((M sum (x - z_x) >> S) + z_y)``, of windows, or over whole axes.

    Attributes:
        multiplier: one, or ``[h, w]`` where windows at the border hold fewer pixels.
        zero_in: code that stands for zero in what is read; padding has it.
        zero_out: code that stands for zero in what is given.
        window: window of a pooling; None where axes are summed.
        axes: axes that are summed, where there is no window.
        keep: whether these stay, of length 1.
    """

    multiplier: Multiplier
    zero_in: int
    zero_out: int
    window: Window | None = None
    axes: Shape = ()
    keep: bool = True

    def run(self, *codes: CodeArray) -> CodeArray:
        """The codes of the means."""
        centred = codes[0].astype(np.int64) - self.zero_in
        if self.window is None:
            sums = centred.sum(axis=self.axes, keepdims=self.keep)
        else:
            sums = windows_of(centred, self.window, 0).sum(axis=(-2, -1))
        return self.saturated(self.multiplier.of(sums) + self.zero_out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend(IntegerOperator):
    """Pixels mixed from others: ``saturate((M (R (x - z_x) C^T) >> S) + z_y)``.

    Attributes:
        rows: R, int32 ``[out height, height]``.
        columns: C, int32 ``[out width, width]``.
        multiplier: one.
        zero_in: code that stands for zero in what is read.
        zero_out: code that stands for zero in what is given.
    """

    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    multiplier: Multiplier
    zero_in: int
    zero_out: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes ``[n, c, rows, columns]`` for such codes."""
        centred = codes[0].astype(np.float64) - self.zero_in  # all that follows is below 2^53, so it is exact
        mixed = self.rows.astype(np.float64) @ centred @ self.columns.T.astype(np.float64)
        return self.saturated(self.multiplier.of(mixed.astype(np.int64)) + self.zero_out)
