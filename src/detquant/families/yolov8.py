"""YOLOv8, and YOLOv5u, YOLOv9 and YOLO11, which Ultralytics exports with the same output."""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family, Floats, Outputs, Signature, is_dynamic
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage

BOX = 4
# The graph decodes its boxes, so strides only serve to know the family: heads from P3, P2 and to P6.
STRIDES = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))


class YOLOv8(Family):
    """RGB 0-1, centred letterbox; [1, 4 + classes, cells]: cx cy w h in input pixels, then class scores."""

    name = "yolov8"
    nms_iou = 0.7
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, 4 + classes, {count_cells(height, width, STRIDES[0])}]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        shape = next(iter(signature.outputs.values()), ())
        if len(signature.outputs) != 1 or len(shape) != 3 or is_dynamic(shape) or shape[0] != 1:
            return None
        if shape[2] not in {count_cells(height, width, strides) for strides in STRIDES}:
            return None
        count = int(shape[1] or 0) - BOX
        return count if count > 0 else None

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        return self._rows(outputs)[:, BOX:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels."""
        box = self._rows(outputs)[:, :BOX]
        centre, half = box[:, :2], box[:, 2:] / 2
        return np.concatenate([centre - half, centre + half], axis=1)

    def _rows(self, outputs: Outputs) -> Floats:
        [output] = outputs.values()
        return np.asarray(output, np.float32).reshape(BOX + self.num_classes, -1).T
