"""DAMO-YOLO, not decoded: raw maps of distributions and class scores.

From tinyvision/DAMO-YOLO, ``damo/base_models/heads/zero_head.py`` with ``export_with_post`` false: of each stride
scores [1, classes, rows, columns] behind the sigmoid, and distributions [1, 68, rows, columns] (17 bins; 8 and 32 of
the nano models). Points are the corners of cells (``get_single_level_center_priors``). Its first models have one more
channel of scores, which means nothing (``legacy``): the class names tell of it, else 81 channels do.
"""

from __future__ import annotations

from detquant.families.boxes_scores import DAMOYOLO
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.distance_layout import DistanceLayout
from detquant.families.distance_maps import DistanceMaps
from detquant.families.signature import Signature


class DAMOYOLOMaps(DistanceMaps):
    """RGB 0-255, letterbox top left on black; per stride class scores and 4 distributions over 17 or 8 bins."""

    name = "damo-yolo-maps"
    mark = "whose file says so, being shaped as YOLOv6's maps"
    nms_iou = DAMOYOLO.nms_iou
    max_detections = DAMOYOLO.max_detections
    form = DAMOYOLO.form
    bins = (17, 8)
    boxes_first = False
    offset = 0.0

    @classmethod
    def count_of(cls, signature: Signature, layout: DistanceLayout) -> int:
        """How many of the channels of classes are classes: all, or all but the last of its first models."""
        named = len(written_names(signature.metadata) or COCO_NAMES)
        return named if layout.count == named + 1 else layout.count
