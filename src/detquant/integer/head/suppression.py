"""Suppression in whole numbers, without a division: of candidates in order, those stay that no better one covers.

Boxes have corners in Q12.4. Of two boxes of one class, ``a`` before ``b`` in the order and itself kept:

    w, h   = x2 - x1, y2 - y1                                16 bits unsigned each
    area   = w h                                             32 bits unsigned, in 2^-8 pixels
    iw     = max(0, min(ax2, bx2) - max(ax1, bx1))           16 bits; ih alike
    inter  = iw ih                                           32 bits
    union  = area_a + area_b - inter                         33 bits
    b goes if 256 inter > t union                            40 and 41 bits; t = round(256 IoU), 0 to 256, 9 bits

Equality does not suppress, so of two boxes without area, whose union is 0, none does. Boxes of other classes never
suppress each other. The walk ends when as many are kept as are asked for: whether a candidate stays depends on better
ones only, so those are the first of all that would be kept.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Ints
from detquant.numerics.rounding import half_even

OVERLAP_BITS = 8


def overlap_threshold(iou: float) -> int:
    """The number t of an IoU of 0 to 1."""
    return int(half_even(iou * (1 << OVERLAP_BITS)))


def suppress(boxes: Ints, classes: Ints, threshold: int, limit: int) -> Ints:
    """Indices of the candidates that stay.

    Args:
        boxes: x1 y1 x2 y2 in Q12.4, ``[n, 4]``, best first.
        classes: class of each, ``[n]``.
        threshold: the number t.
        limit: how many to keep at most.

    Returns:
        int64, rising.
    """
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    while left.size and len(kept) < limit:
        first, left = int(left[0]), left[1:]
        kept.append(first)
        one, others = boxes[first], boxes[left]
        sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
        shared = np.maximum(sides, 0).prod(axis=1)
        union = areas[first] + areas[left] - shared
        covered = (shared << OVERLAP_BITS) > threshold * union
        left = left[~(covered & (classes[left] == classes[first]))]
    return np.asarray(kept, np.int64)
