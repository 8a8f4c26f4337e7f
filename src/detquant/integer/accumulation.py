"""Exact sums of products of whole numbers, as fast as the processor's float units allow.

Floats add whole numbers exactly as long as no partial sum, in whatever order, leaves the range in which all whole
numbers are floats: ``2^24`` for float32, ``2^53`` for float64. No partial sum of ``sum x w`` is larger than
``sum |x| |w|``, so with a bound of that kind BLAS is as exact as int64, and a hundred times as fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.windows import windows_of
from detquant.numerics.arrays import Ints

Numbers = npt.NDArray[Any]

EXACT_FLOAT32, EXACT_FLOAT64 = 1 << 24, 1 << 53
AT_ONCE = 1 << 24
"""Most numbers of unfolded windows that lie in memory at a time."""


def exact_type(largest: int) -> type[np.floating]:
    """The float type in which sums up to this size are exact.

    Raises:
        OverflowError: none is.
    """
    if largest <= EXACT_FLOAT32:
        return np.float32
    if largest <= EXACT_FLOAT64:
        return np.float64
    raise OverflowError(f"sums of up to {largest} are exact in no float type")


def matrix_product(data: Numbers, matrix: Numbers, largest: int) -> Ints:
    """The exact product ``data @ matrix``, int64.

    Args:
        data: whole numbers ``[..., in]``.
        matrix: whole numbers ``[in, out]``.
        largest: no ``sum |data| |matrix|`` is larger.
    """
    kind = exact_type(largest)
    return np.asarray((data.astype(kind) @ matrix.astype(kind)).astype(np.int64))


def convolve(data: Numbers, weights: Numbers, window: Window, groups: int, largest: int) -> Ints:
    """A convolution, padded with zeros.

    Args:
        data: whole numbers ``[n, in, h, w]``.
        weights: whole numbers ``[out, in / groups, kh, kw]``.
        window: window of the convolution.
        groups: number of groups of channels.
        largest: no ``sum |data| |weights|`` is larger.

    Returns:
        int64 ``[n, out, rows, columns]``.
    """
    kind = exact_type(largest)
    views = windows_of(data.astype(kind), window, 0)
    n, channels, rows, columns, *kernel = views.shape
    out, taps = len(weights), channels // groups * kernel[0] * kernel[1]
    matrices = weights.astype(kind).reshape(groups, out // groups, taps)
    sums = np.empty((n, groups, out // groups, rows, columns), np.int64)
    step = max(1, AT_ONCE // max(1, n * channels * kernel[0] * kernel[1] * columns))
    for start in range(0, rows, step):
        part = views[:, :, start : start + step]
        # [n, g, in / g, rows, columns, kh, kw] -> [n, g, taps, places]
        folded = part.reshape(n, groups, channels // groups, *part.shape[2:]).transpose(0, 1, 2, 5, 6, 3, 4)
        products = matrices @ folded.reshape(n, groups, taps, -1)
        sums[:, :, :, start : start + step] = products.reshape(n, groups, out // groups, -1, columns)
    return sums.reshape(n, out, rows, columns)
