"""Corners of boxes in Q12.4: pixels of the network input with 4 fraction bits, two's complement in 16 bits.

For the cell in column ``u`` and row ``v`` of a map of this stride, and the distances ``l t r b`` in cells with 8
fraction bits (see `detquant.integer.head.distances`):

    x1 = sat16(((256 u + 128 - l) stride + 8) >> 4)          y1 alike, of v and t
    x2 = sat16(((256 u + 128 + r) stride + 8) >> 4)          y2 alike, of v and b

The middle of a cell is half a cell from its edge, 128. What the shift gives is rounded half up, once; of a stride that
is a power of two the product is a shift too: ``(n + 1) >> 1`` for 8, ``n`` for 16, ``n << 1`` for 32. Boxes may reach
beyond the input, by as much as they say; ``sat16`` cuts off at -32768 and 32767, which is 2048 pixels. Since distances
are not negative and both steps keep the order, ``x1 <= x2`` and ``y1 <= y2`` always.
"""

from __future__ import annotations

import numpy as np

from detquant.integer.head.distances import FRACTION_BITS
from detquant.numerics.arrays import Floats, Ints
from detquant.numerics.rounding import half_even

PIXEL_BITS = 4
LOWEST, HIGHEST = -(1 << 15), (1 << 15) - 1
LARGEST_SIDE = HIGHEST >> PIXEL_BITS
"""Largest side of an input, pixels, whose every place has a number."""
_HALF = 1 << (FRACTION_BITS - 1)
_DOWN = FRACTION_BITS - PIXEL_BITS


def corners(distances: Ints, stride: int) -> Ints:
    """Corners of the boxes of one map.

    Args:
        distances: left, top, right, bottom in cells with 8 fraction bits, ``[4, rows, columns]``.
        stride: pixels of a cell.

    Returns:
        int64 ``[rows * columns, 4]``, x1 y1 x2 y2 in sixteenths of a pixel, row by row.
    """
    rows, columns = np.indices(distances.shape[1:], dtype=np.int64)
    middles = np.stack([columns, rows]) * (1 << FRACTION_BITS) + _HALF
    ends = np.concatenate([middles - distances[:2], middles + distances[2:]])
    pixels = (ends * stride + (1 << (_DOWN - 1))) >> _DOWN
    return np.asarray(np.clip(pixels, LOWEST, HIGHEST).reshape(4, -1).T, np.int64)


def in_sixteenths(pixels: Floats) -> Ints:
    """Corners in pixels as the nearest in Q12.4; what is not finite is cut off like what is too large."""
    steps = np.nan_to_num(half_even(pixels.astype(np.float64) * (1 << PIXEL_BITS)), nan=HIGHEST)
    return np.asarray(np.clip(steps, LOWEST, HIGHEST), np.int64)
