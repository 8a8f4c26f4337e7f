"""Distances from a distribution over bins, in whole numbers: the decoding of a distribution focal loss.

Li et al., Generalized Focal Loss, 2020, eq. 5-6: the distance to a side of a box, in cells, is the expectation
``sum(i p_i)`` of the bins ``i = 0 .. B - 1``, where ``p`` is the softmax of their logits. Here, for the B codes ``c_i``
of 8 bits of one side of one cell, all on one grid of step ``s``:

    top  = max(c_i)                                          8 bits
    k_i  = top - c_i                                         8 bits unsigned, 0 to 255
    e_i  = E[k_i],    E[k] = round(65535 exp(-k s))          16 bits unsigned; one table for each step; E[0] = 65535
    D    = sum(e_i)                                          16 + log2(B) bits; at least 65535, so never 0
    N    = sum(i e_i)                                        16 + 2 log2(B) - 1 bits
    d    = (512 N + D) / (2 D), rounded down                 8 + log2(B) bits, 0 to 256 (B - 1)

``d`` is the distance in cells with 8 fraction bits, rounded half up: one division of whole numbers, whose quotient a
restoring divider finds in 8 + log2(B) steps. Zero points cancel out. Against the softmax in float64 it is off by at
most 0.0023 cells: half of a step of 2^-8, and what the 16 bits of the table leave.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detquant.integer.operators import CodeArray
from detquant.numerics.arrays import Ints
from detquant.numerics.rounding import half_even

FRACTION_BITS = 8
ENTRY_BITS, CODE_BITS = 16, 8


def exponentials(step: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """The table E for codes of 8 bits on a grid of this step: int32 ``[256]``, 0 to 65535, never rising."""
    below = np.arange(1 << CODE_BITS, dtype=np.float64)
    return half_even(((1 << ENTRY_BITS) - 1) * np.exp(-below * float(np.asarray(step)))).astype(np.int32)


def expectations(codes: CodeArray, table: npt.NDArray[np.int32]) -> Ints:
    """Distances in cells, with 8 fraction bits.

    Args:
        codes: codes of 8 bits, ``[bins, ...]``.
        table: the exponentials of their grid.

    Returns:
        int64 of the shape behind the bins, 0 to ``256 (bins - 1)``.
    """
    whole = codes.astype(np.int64)
    weights = table.astype(np.int64)[whole.max(axis=0) - whole]
    places = np.arange(len(weights)).reshape(-1, *[1] * (weights.ndim - 1))
    total, moment = weights.sum(axis=0), (weights * places).sum(axis=0)
    return np.asarray((moment * (2 << FRACTION_BITS) + total) // (2 * total), np.int64)
