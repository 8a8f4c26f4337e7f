"""YOLOv8 and what has its head, not decoded: a map, or two, for each stride.

1. In part decoded, as OAK cameras have it (luxonis/tools, ``DetectV8``; its outputs bear the name yolov6r2): per stride
   [1, 5 + classes, rows, columns] with the distances left, top, right, bottom from a cell's middle, in cells; the best
   class score; the class scores after the sigmoid.
2. As its convolutions give it (ultralytics/ultralytics, ``nn/modules/head.py``, ``Detect``; YOLOv9, YOLO11 and YOLO12
   have the same): distributions [1, 64, rows, columns] over 16 bins and class scores [1, classes, rows, columns],
   before their sigmoid or after it, perhaps with their sum (airockchip/rknn_model_zoo, ``examples/yolov8``).
3. The two of a stride in one map [1, 64 + classes, rows, columns], as ``Detect.forward`` joins them. Three anchors a
   cell may be shaped so too: the number of class names tells, or scores behind a sigmoid do.
"""

from __future__ import annotations

from detquant.families.anchor_maps import find_anchor_maps
from detquant.families.anchors import told_anchors
from detquant.families.class_names import written_names
from detquant.families.distance_layout import (
    BOXES_FIRST,
    DISTRIBUTION,
    DistanceLayout,
    Part,
    find_distances,
    order_in_one_map,
)
from detquant.families.distance_maps import DistanceMaps
from detquant.families.grid import SIDES
from detquant.families.raw_maps import are_of_anchors, fifth_is_the_best
from detquant.families.signature import Signature
from detquant.families.told_by_values import scores_by_values
from detquant.families.yolo_heads import KEY
from detquant.families.yolov8 import YOLOv8

STRIDES = (8, 16, 32)
BOX_AND_BEST = 5
DISTRIBUTIONS = SIDES * DISTRIBUTION
OF_OTHERS = (4, 32, 68)
"""Channels that other detectors have for distances: beside these, 64 may be classes."""
FEW = 0.1
"""Part of the cells in which a class may have a positive logit, at most."""


class YOLOv8Maps(DistanceMaps):
    """RGB 0-1, centred letterbox; per stride 4 distributions over 16 bins and class scores, or OAK's one map."""

    name = "yolov8-maps"
    mark = "whose fifth channel is the largest of the scores behind it, or whose distances are 64 channels"
    output_count = len(STRIDES)
    nms_iou = YOLOv8.nms_iou
    max_detections = YOLOv8.max_detections
    form = YOLOv8.form
    bins = (DISTRIBUTION,)
    joined = DISTRIBUTION

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        whole = "[1, 5 + classes, rows, columns] of each stride"
        return f"{super().expected(height, width)}, or both in one; or as OAK has them, {whole}"

    @classmethod
    def find_layout(cls, signature: Signature) -> DistanceLayout | None:
        """Where distances and classes stand; None where the outputs are others."""
        found = super().find_layout(signature)
        if found is not None and (not _is_joined(found) or _are_distributions(signature, found)):
            return found
        oak = find_distances(signature, (), joined=1)  # case 1
        if oak is None or not _is_joined(oak) or oak.strides != STRIDES or oak.channels_last or oak.count < 2:
            return None
        classes = tuple(Part(part.output, BOX_AND_BEST, part.last) for part in oak.classes)
        return DistanceLayout(strides=STRIDES, boxes=oak.boxes, classes=classes, bins=1, channels_last=False)

    @classmethod
    def is_plain(cls, signature: Signature, layout: DistanceLayout) -> bool:
        """Whether the maps can be no other's."""
        if not _is_joined(layout):
            return layout.count not in OF_OTHERS or _are_scores(signature, layout)
        if layout.bins > 1:
            return not told_anchors(signature)
        return not _of_anchors(signature) and order_in_one_map(signature) is None

    @property
    def is_for_oak(self) -> bool:
        """Whether the maps are decoded in part, as cameras go on from (case 1)."""
        return self.layout.bins == 1


def _is_joined(layout: DistanceLayout) -> bool:
    return layout.boxes[0].output == layout.classes[0].output


def _are_distributions(signature: Signature, layout: DistanceLayout) -> bool:
    """Whether one map a stride begins with distributions (case 3) rather than with distances (case 1)."""
    names = written_names(signature.metadata)
    if names is not None and len(names) in (layout.count, layout.count + DISTRIBUTIONS - BOX_AND_BEST):
        return len(names) == layout.count
    if fifth_is_the_best(signature):
        return False
    said = signature.metadata.get("detquant.family") == YOLOv8Maps.name and fifth_is_the_best(signature) is False
    return said or order_in_one_map(signature) == BOXES_FIRST


def _are_scores(signature: Signature, layout: DistanceLayout) -> bool:
    """Whether a map of as many channels holds scores of classes, and not distances beside scores of 64 classes."""
    names, values = written_names(signature.metadata), signature.values()
    if names is not None or not values:
        return names is None or len(names) == layout.count
    scores, others = (layout.rows(values, parts) for parts in (layout.classes, layout.boxes))
    unlikely = scores_by_values(scores) == "chances" or float((scores > 0).mean()) < FEW
    return scores_by_values(others) == "logits" and unlikely


def _of_anchors(signature: Signature) -> bool:
    """Whether the maps are rather of anchors, as YOLOv5's are; Darknet's file says what its are."""
    maps = find_anchor_maps(signature)
    return bool(maps) and (KEY in signature.metadata or are_of_anchors(signature, maps))
