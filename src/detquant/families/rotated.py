"""Rotated boxes: their upright hulls, and their suppression by the overlap of Gaussians.

A box of centre (x, y), sides w and h and the angle a (radians, clockwise in the image) lies within

    |w cos a| + |h sin a|   by   |w sin a| + |h cos a|

around its centre. How much two of them overlap is told as Ultralytics tells it (`probiou`): by the Bhattacharyya
distance of the Gaussians with their centres and covariances R diag(w^2, h^2) R^T / 12 (Llerena et al., Gaussian
Bounding Boxes and Probabilistic Intersection-over-Union for Object Detection, 2021). Hulls of long things beside each
other, such as ships at a quay, overlap where the things do not, so hulls are never suppressed by their own overlap.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Doubles, Floats, Ints

_EPS = 1e-7
MOST = 2048
"""Candidates that are looked at, the best of all."""


def hulls(boxes: Floats, angle: Floats) -> Floats:
    """The upright boxes that rotated ones lie in.

    Args:
        boxes: centre x, centre y, width, height [n, 4].
        angle: [n], radians.

    Returns:
        xyxy [n, 4].
    """
    cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    w, h = boxes[:, 2], boxes[:, 3]
    half = np.stack([w * cos + h * sin, w * sin + h * cos], axis=1) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def rotated_nms(
    boxes: Floats, angle: Floats, scores: Floats, *, confidence: float, iou: float, limit: int
) -> tuple[Ints, Ints]:
    """Greedy suppression within each class, by the overlap of rotated boxes.

    Args:
        boxes: centre x, centre y, width, height [cells, 4]; one that is not finite never survives.
        angle: [cells], radians.
        scores: [cells, classes].
        confidence: candidates must score more than this.
        iou: overlap above which the lesser box is dropped.
        limit: survivors to return at most.

    Returns:
        The cell and the class of each survivor, best first.
    """
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(angle)
    flat = np.where(finite[:, None], scores, -np.inf).ravel()
    candidates = np.flatnonzero(flat > confidence)
    order = candidates[np.argsort(-flat[candidates], kind="stable")][:MOST]
    cell, class_id = np.divmod(order, scores.shape[1])
    place, shape = boxes[cell].astype(np.float64), _covariances(boxes[cell], angle[cell])
    alive, kept = np.ones(len(order), bool), []
    for index in range(len(order)):
        if not alive[index]:
            continue
        kept.append(index)
        if len(kept) == limit:
            break
        rest = np.flatnonzero(alive & (class_id == class_id[index]))
        rest = rest[rest > index]
        near = _overlap(place[index], shape[index], place[rest], shape[rest])
        alive[rest[near > iou]] = False
    return cell[kept], class_id[kept]


def _covariances(boxes: Floats, angle: Floats) -> Doubles:
    """The two variances and the covariance of each box's Gaussian, [n, 3]."""
    a, b = (np.square(boxes[:, side].astype(np.float64)) / 12 for side in (2, 3))
    cos, sin = np.cos(angle.astype(np.float64)), np.sin(angle.astype(np.float64))
    return np.stack([a * cos**2 + b * sin**2, a * sin**2 + b * cos**2, (a - b) * cos * sin], axis=1)


def _overlap(place: Doubles, shape: Doubles, places: Doubles, shapes: Doubles) -> Doubles:
    """The probabilistic IoU of a box with others, [n]."""
    x, y = place[0] - places[:, 0], place[1] - places[:, 1]
    a, b, c = (shape[one] + shapes[:, one] for one in range(3))
    whole = a * b - c**2
    far = (a * y**2 + b * x**2 - 2 * c * x * y) / (whole + _EPS) / 4
    mine = max(shape[0] * shape[1] - shape[2] ** 2, 0.0)
    theirs = np.maximum(shapes[:, 0] * shapes[:, 1] - shapes[:, 2] ** 2, 0)
    unlike = np.log(whole / (4 * np.sqrt(mine * theirs) + _EPS) + _EPS) / 2
    distance = np.clip(far + unlike, _EPS, 100)
    return np.asarray(1 - np.sqrt(1 - np.exp(-distance) + _EPS), np.float64)
