"""Which integer convolutions may be computed by Winograd's F(4x4, 3x3).

ncnn takes it for 3x3 convolutions of stride 1, on x86 and Arm alike. Its integer form has kernels transformed by a
matrix that is 24 times Winograd's, on both sides, so results are ``24 * 24 = 576`` times the sum of products and are
divided at the end. Sums in int32 wrap around, and that does no harm as long as what is divided fits: a sum of products
below ``2^31 / 576`` in magnitude (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; ncnn,
``convolution_3x3_winograd_int8.h``). The largest sum that a channel can have is ``127 * sum |w|``; where one exceeds
the limit, the layer's own mask turns Winograd off for it, whatever a program sets in ``net.opt``.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Array

FACTOR = 24 * 24
LARGEST_CODE = 127
WINOGRAD = 1 << 6
"""The bit of a layer's mask that turns Winograd off."""


def mask_of(codes: Array) -> int:
    """What the mask of a convolution has to say about Winograd.

    Args:
        codes: its weights ``[out, in, kh, kw]``, int8.
    """
    if codes.shape[2:] != (3, 3):
        return 0
    sums = np.abs(codes.astype(np.int64)).reshape(len(codes), -1).sum(axis=1) * LARGEST_CODE
    return WINOGRAD if int(sums.max(initial=0)) * FACTOR >= 1 << 31 else 0
