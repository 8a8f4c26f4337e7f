"""NanoDet-Plus: one tensor of class scores and distance distributions over four strides."""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.grid import cells, count_cells, distance_boxes
from detquant.families.input_form import WholeImage
from detquant.families.nanodet import MEAN_BGR, STD_BGR, count_in_one
from detquant.families.signature import Outputs, Signature
from detquant.numerics.arrays import Floats

STRIDES = (8, 16, 32, 64)


class NanoDetPlus(Family):
    """BGR normalised, stretched; [1, cells, classes + 32]: scores after sigmoid, then distribution logits."""

    name = "nanodet-plus"
    nms_iou = 0.6
    max_detections = 100
    form = WholeImage(rgb=False, mean=MEAN_BGR, std=STD_BGR)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, {count_cells(height, width, STRIDES)}, classes + 32]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        return count_in_one(signature, STRIDES)

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]; the graph has applied the sigmoid."""
        return self._rows(outputs)[:, : self.num_classes]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels, from the top left corner of each cell."""
        place, stride = cells(self.height, self.width, STRIDES)
        return distance_boxes(self._rows(outputs)[:, self.num_classes :], place * stride, stride)

    def _rows(self, outputs: Outputs) -> Floats:
        [output] = outputs.values()
        return np.asarray(output, np.float32).reshape(-1, output.shape[-1])
