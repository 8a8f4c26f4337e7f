"""RTMDet, not decoded: raw maps of class scores and distances (Lyu et al., RTMDet, 2022).

From open-mmlab/mmdetection, ``mmdet/models/dense_heads/rtmdet_head.py`` (``RTMDetSepBNHead``), and mmyolo's of the same
name: of each stride logits [1, classes, rows, columns], and distances [1, 4, rows, columns] in pixels, for the head
multiplies by the stride at its end. Points are the corners of cells (``MlvlPointGenerator`` with ``offset=0``). Scores
may have been through their sigmoid, as values show. Where a graph is cut before that product, its distances are in
cells: values show that where they are alike at all strides, else say `--reads cells`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import numpy as np

from detquant.families.distance_layout import DistanceLayout
from detquant.families.distance_maps import DistanceMaps
from detquant.families.found_apart import DetsLabels
from detquant.families.reading import IN_CELLS, Reading
from detquant.families.signature import Signature

PRODUCT = "Mul"
ALIKE, TWICE = 1.25, 1.6
"""Ratio of the distances of a stride to those of the finer one below which they are alike, and from which they grow
with the stride."""


class RTMDetMaps(DistanceMaps):
    """BGR normalised, letterbox top left; per stride class scores, and 4 distances in pixels."""

    name = "rtmdet-maps"
    mark = "whose scores are logits and whose distances are multiplied by the stride at the end of the graph"
    nms_iou = 0.65
    max_detections = 300
    form = DetsLabels.form
    usual: ClassVar[Reading] = {"unit": "pixels", "scores": "logits"}
    boxes_first = False
    offset = 0.0

    @classmethod
    def is_plain(cls, signature: Signature, layout: DistanceLayout) -> bool:
        """Whether the distances come from a product, as no other head of these shapes ends, and scores are logits."""
        ends = {signature.ends.get(part.output) for part in layout.boxes}
        shown = {**cls.usual, **cls.shown_by(signature, layout)}
        return ends == {PRODUCT} and shown == cls.usual

    @classmethod
    def shown_by(cls, signature: Signature, layout: DistanceLayout) -> Reading:
        """The words that values show: also whether distances grow with the stride, as pixels do."""
        unit = _unit(signature, layout)
        return {**super().shown_by(signature, layout), **({"unit": unit} if unit else {})}


def _unit(signature: Signature, layout: DistanceLayout) -> str | None:
    """The word for the unit of the distances where their size at the strides shows it."""
    values = signature.values()
    if not values:
        return None
    typical = [float(np.median(np.abs(layout.rows(values, [part])))) for part in layout.boxes]
    ratios = [coarse / fine if fine else 0.0 for fine, coarse in pairwise(typical)]
    if all(ratio > TWICE for ratio in ratios):
        return "pixels"
    return IN_CELLS if all(0 < ratio < ALIKE for ratio in ratios) else None
