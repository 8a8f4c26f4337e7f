"""YOLOv6 and Gold-YOLO, not decoded: raw maps of distances and class scores.

From meituan/YOLOv6, ``yolov6/models/heads`` and ``yolov6/models/effidehead.py``, whose points are the middles of cells
(``grid_cell_offset``); Gold-YOLO's head is the same. Exporters give

1. of each stride distances [1, 4, rows, columns] in cells and chances [1, classes, rows, columns], perhaps the sum of
   these (airockchip/YOLOv6, ``deploy/RKNN``); models M and L have distributions over 17 bins there, 68 channels;
2. its own ``Detect.export``: both in one map, the chances first, which values show.
"""

from __future__ import annotations

from detquant.families.distance_layout import CLASSES_FIRST, DistanceLayout, order_in_one_map
from detquant.families.distance_maps import DistanceMaps
from detquant.families.signature import Signature
from detquant.families.yolov6 import YOLOv6


class YOLOv6Maps(DistanceMaps):
    """RGB 0-1, centred letterbox; per stride 4 distances in cells, or distributions over 17 bins, and class scores."""

    name = "yolov6-maps"
    mark = "whose file says so, or whose maps hold scores and then 4 distances"
    nms_iou = YOLOv6.nms_iou
    max_detections = YOLOv6.max_detections
    form = YOLOv6.form
    bins = (1, 17)
    joined = 1
    boxes_first = False

    @classmethod
    def is_plain(cls, signature: Signature, layout: DistanceLayout) -> bool:
        """Whether both are in one map, as values show (case 2)."""
        return layout.boxes[0].output == layout.classes[0].output and order_in_one_map(signature) == CLASSES_FIRST
