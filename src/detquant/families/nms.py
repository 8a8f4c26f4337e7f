"""Non-maximum suppression within each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np

from detquant.numerics.arrays import Floats, Ints

FIRST_LOOK = 512


def class_aware_nms(xyxy: Floats, scores: Floats, *, confidence: float, iou: float, limit: int) -> tuple[Ints, Ints]:
    """Greedy NMS: the best box stays, those of its class that overlap it by more than `iou` go, and so on.

    Every score above `confidence` is a candidate. Whether a candidate stays depends on better ones only, so
    the first `limit` survivors are exact when the NMS sees just the best candidates, as long as `limit`
    survive among those; if not, it looks at more.

    Args:
        xyxy: boxes [cells, 4], pixels; a box that is not finite never survives.
        scores: [cells, classes].
        confidence: candidates must score more than this.
        iou: overlap above which the lesser box is dropped.
        limit: survivors to return at most.

    Returns:
        The cell and the class of each survivor, best first.
    """
    finite = np.asarray(np.isfinite(xyxy).all(axis=1))
    if not finite.all():
        scores = np.where(finite[:, None], scores, -np.inf)
    flat = scores.ravel()
    candidates = np.flatnonzero(flat > confidence)
    look = max(FIRST_LOOK, 2 * limit)
    while True:
        order = candidates[_best(flat[candidates], look)]
        cell, class_id = np.divmod(order, scores.shape[1])
        kept = _nms(xyxy[cell], flat[order], class_id, iou)[:limit]
        if len(kept) == limit or len(order) == len(candidates):
            return cell[kept], class_id[kept]
        look *= 2


def _best(confidence: Floats, count: int) -> Ints:
    """Indices of the `count` largest, and of all that equal the last of them; descending, ties in order."""
    if len(confidence) <= count:
        return np.argsort(-confidence, kind="stable")
    last = np.partition(confidence, len(confidence) - count)[len(confidence) - count]
    among = np.flatnonzero(confidence >= last)
    return among[np.argsort(-confidence[among], kind="stable")]


def _nms(xyxy: Floats, confidence: Floats, class_id: Ints, iou: float) -> Ints:
    if len(xyxy) == 0:
        return np.zeros(0, np.int64)
    xywh = xyxy.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    # OpenCV keeps the classes apart by moving class k by k * (largest coordinate + 1), which is enough only
    # when no coordinate is negative.
    xywh[:, :2] -= xywh[:, :2].min()
    kept = cv2.dnn.NMSBoxesBatched(
        cast(Sequence[Any], xywh),
        cast(Sequence[float], confidence),
        cast(Sequence[int], class_id.astype(np.int32)),
        float(np.finfo(np.float32).min),
        iou,
    )
    return np.asarray(kept, np.int64).reshape(-1)
