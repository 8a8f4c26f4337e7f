"""Factors so small that nothing is left of any sum: they become 0.

A shift has 6 bits, and products have as many as accumulators and multipliers together. Half of ``2^S`` has room beside
such a product wherever the product can be as large; where it cannot, ``(n M + 2^(S-1)) >> S`` is 0 for all ``n``, as it
is with ``M = S = 0``. Channels whose weights are nearly 0 have such factors.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Ints

MARGIN = 1.0 - 2.0**-40


def without_vanishing(multiplier: Ints, shift: Ints, reach: Ints) -> tuple[Ints, Ints]:
    """Multipliers and shifts, 0 where the result is 0 for all sums.

    Args:
        multiplier: int64, signed.
        shift: int64, broadcast against the multipliers.
        reach: the largest size of a sum, likewise.
    """
    products = np.abs(multiplier).astype(np.float64) * reach
    vanish = (shift > 0) & (products < MARGIN * np.ldexp(1.0, np.maximum(shift - 1, 0).astype(np.int32)))
    return np.asarray(np.where(vanish, 0, multiplier)), np.asarray(np.where(vanish, 0, shift))
