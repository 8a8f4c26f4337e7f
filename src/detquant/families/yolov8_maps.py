"""YOLOv8 with a map for each stride, boxes as distances in cells: what OAK cameras decode themselves.

The form is that of Luxonis' exporter (luxonis/tools, ``DetectV8``; its outputs bear the name yolov6r2): per stride
[1, 5 + classes, rows, columns] with the distances left, top, right, bottom from a cell's middle, in cells; the best
class score; the class scores after the sigmoid.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.anchor_maps import find_anchor_maps
from detquant.families.grid import cells, map_sizes
from detquant.families.raw_maps import are_of_anchors
from detquant.families.signature import Outputs, Signature, is_dynamic
from detquant.families.yolo_heads import KEY
from detquant.families.yolov8 import YOLOv8
from detquant.numerics.arrays import Floats

STRIDES = (8, 16, 32)
BOX_AND_BEST = 5


class YOLOv8Maps(Family):
    """RGB 0-1, centred letterbox; per stride [1, 5 + classes, rows, columns]: distances, best score, class scores."""

    name = "yolov8-maps"
    mark = "whose fifth channel is the largest of the scores behind it"
    output_count = len(STRIDES)
    nms_iou = YOLOv8.nms_iou
    max_detections = YOLOv8.max_detections
    form = YOLOv8.form

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        sizes = ", ".join(f"{rows}x{columns}" for rows, columns in map_sizes(height, width, STRIDES))
        return f"an output [1, 5 + classes, rows, columns] for each of {sizes}, finest first"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        shapes = list(signature.outputs.values())
        if any(is_dynamic(shape) or len(shape) != 4 for shape in shapes):
            return None
        if [shape[2:] for shape in shapes] != map_sizes(height, width, STRIDES):
            return None
        if {shape[:2] for shape in shapes} != {shapes[0][:2]} or shapes[0][0] != 1:
            return None
        said = signature.metadata.get("detquant.family") == cls.name
        if not said and _of_anchors(signature):
            return None
        count = int(shapes[0][1] or 0) - BOX_AND_BEST
        return count if count > 0 else None

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        return self._rows(outputs)[:, BOX_AND_BEST:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels, from the middle of each cell."""
        place, stride = cells(self.height, self.width, STRIDES)
        distance, centre = self._rows(outputs)[:, :4], place + 0.5
        return np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], axis=1) * stride

    def _rows(self, outputs: Outputs) -> Floats:
        """The cells of all maps, finest map first, [cells, 5 + classes]."""
        maps = sorted(outputs.values(), key=lambda one: -one.shape[-1] * one.shape[-2])
        return np.concatenate([np.asarray(one, np.float32).reshape(one.shape[1], -1).T for one in maps])


def _of_anchors(signature: Signature) -> bool:
    """Whether the maps are rather of anchors, as YOLOv5's are; Darknet's file says what its are."""
    maps = find_anchor_maps(signature)
    return bool(maps) and (KEY in signature.metadata or are_of_anchors(signature, maps))
