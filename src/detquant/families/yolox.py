"""YOLOX, as Megvii exports it: boxes relative to their cell, decoded here."""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family, Floats, Outputs, Signature, is_dynamic
from detquant.families.grid import cells, count_cells
from detquant.families.input_form import WholeImage

STRIDES = (8, 16, 32)
BOX_AND_OBJECT = 5
# exp(12) cells is wider than any image; a broken model may give more, which float32 would overflow.
LARGEST_LOG_SIZE = 12.0


class YOLOX(Family):
    """BGR 0-255, top-left letterbox; [1, cells, 5 + classes]: x y w h, sigmoids of object and classes."""

    name = "yolox"
    nms_iou = 0.65
    max_detections = 300
    form = WholeImage(rgb=False, resize="letterbox-top-left")

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, {count_cells(height, width, STRIDES)}, 5 + classes]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        shape = next(iter(signature.outputs.values()), ())
        if len(signature.outputs) != 1 or len(shape) != 3 or is_dynamic(shape):
            return None
        if shape[:2] != (1, count_cells(height, width, STRIDES)):
            return None
        count = int(shape[2] or 0) - BOX_AND_OBJECT
        return count if count > 0 else None

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [cells, classes], objectness times class."""
        rows = self._rows(outputs)
        return rows[:, 4:5] * rows[:, BOX_AND_OBJECT:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels: centre (p + cell) * stride, size exp(p) * stride."""
        rows = self._rows(outputs)
        place, stride = cells(self.height, self.width, STRIDES)
        centre = (rows[:, :2] + place) * stride
        half = np.exp(np.minimum(rows[:, 2:4], LARGEST_LOG_SIZE)) * stride / 2
        return np.concatenate([centre - half, centre + half], axis=1)

    def _rows(self, outputs: Outputs) -> Floats:
        [output] = outputs.values()
        return np.asarray(output, np.float32).reshape(-1, BOX_AND_OBJECT + self.num_classes)
