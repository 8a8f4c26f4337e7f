"""Scores of classes as codes: compared as they are, thresholds included, and looked up for what is reported.

All maps of class logits are on one grid, so that codes of different maps compare as their logits do. A sigmoid never
falls, so no score need be computed to tell the better of two, or whether one is above a threshold: both are told by
codes. What is reported is the score with 16 fraction bits, looked up: with ``n = code - smallest code`` of a code of b
bits, 8 to 16, and ``m = b - 8``

    h = n >> m,  l = n & (2^m - 1)                           8 bits, m bits
    score = T[h] + (((T[h + 1] - T[h]) l + 2^(m - 1)) >> m)  16 bits unsigned; for 8 bits it is T[n]
    T[h] = min(65535, round(65536 sigmoid(step (smallest code + h 2^m - zero point))))

a table of 257 entries of 16 bits, of which codes of 8 bits use 256. ``T`` never falls, nor does the line between two of
its entries. The threshold is the smallest code whose score is above the confidence that is asked for, found beforehand;
one more than the largest code where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.integer.operators import CodeArray
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Ints
from detquant.numerics.rounding import half_even

SCORE_BITS, INDEX_BITS = 16, 8
MOST = (1 << SCORE_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """The table T.

    Attributes:
        entries: int32 ``[257]``, 0 to 65535, never falling.
        first: smallest code.
        bits: width of the codes, 8 to 16.
    """

    entries: npt.NDArray[np.int32]
    first: int
    bits: int

    @classmethod
    def of(cls, grid: QuantParams) -> ScoreTable:
        """The table for codes of a grid."""
        step = 1 << (grid.qtype.bits - INDEX_BITS)
        codes = grid.qtype.qmin + np.arange((1 << INDEX_BITS) + 1, dtype=np.float64) * step
        chances = 1 / (1 + np.exp(-float(grid.scale) * (codes - float(grid.zero_point))))
        whole = np.minimum(half_even(chances * (1 << SCORE_BITS)), MOST)
        return cls(whole.astype(np.int32), grid.qtype.qmin, grid.qtype.bits)

    def scores(self, codes: CodeArray) -> Ints:
        """Scores with 16 fraction bits: int64 of the same shape."""
        places, down = codes.astype(np.int64) - self.first, self.bits - INDEX_BITS
        table = self.entries.astype(np.int64)
        index, rest = places >> down, places & ((1 << down) - 1)
        rise = (table[index + 1] - table[index]) * rest
        return np.asarray(table[index] + ((rise + (1 << down >> 1)) >> down), np.int64)

    def threshold(self, confidence: float) -> int:
        """The smallest code whose score is above this confidence; one more than the largest where none is."""
        codes = np.arange(self.first, self.first + (1 << self.bits))
        return self.first + int(np.searchsorted(self.scores(codes), confidence * (1 << SCORE_BITS), side="right"))
