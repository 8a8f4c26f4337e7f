"""FastestDet: one map of objectness, box and classes, without anchors (dog-qiuqiu).

At column c_x and row c_y of a map of W x H cells, in parts of the input,

    x = (c_x + tanh(t_x)) / W      w = sigmoid(t_w)      score[k] = object^0.6 class[k]^0.4

and y and h alike; objectness is behind its sigmoid and the classes behind their softmax in the graph. The exponents are
those of its evaluation; its samples multiply instead, which ranks detections alike as a rule, and scores them lower.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.input_form import WholeImage
from detquant.families.logits import sigmoid
from detquant.families.signature import Outputs, Signature, is_dynamic
from detquant.numerics.arrays import Floats

STRIDE = 16
OBJECT_AND_BOX = 5
OF_OBJECT, OF_CLASS = 0.6, 0.4


class FastestDet(Family):
    """BGR 0-1, stretched; [1, 5 + classes, rows, columns]: object, x y w h, classes."""

    name = "fastestdet"
    mark = "whose one map has objectness first"
    nms_iou = 0.45
    max_detections = 300
    form = WholeImage(rgb=False, std=(255.0,) * 3)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, 5 + classes, {height // STRIDE}, {width // STRIDE}]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        _, height, width = signature.image_input()
        shapes = list(signature.outputs.values())
        if len(shapes) != 1 or len(shapes[0]) != 4 or is_dynamic(shapes[0]) or shapes[0][0] != 1:
            return None
        count = int(shapes[0][1] or 0) - OBJECT_AND_BOX
        return count if count > 0 and shapes[0][2:] == (height // STRIDE, width // STRIDE) else None

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [cells, classes]."""
        found = np.clip(self._rows(outputs), 0, 1)  # a grid of 8 bits may end a little beyond
        return np.asarray(found[:, :1] ** OF_OBJECT * found[:, OBJECT_AND_BOX:] ** OF_CLASS)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels."""
        code = self._rows(outputs)[:, 1:OBJECT_AND_BOX]
        size = np.array([self.width, self.height], np.float32)
        columns, rows = self.width // STRIDE, self.height // STRIDE
        cell = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        centre = (cell + np.tanh(code[:, :2])) / np.array([columns, rows], np.float32)
        half = sigmoid(code[:, 2:]) / 2
        return np.asarray(np.concatenate([(centre - half) * size, (centre + half) * size], axis=1), np.float32)

    def _rows(self, outputs: Outputs) -> Floats:
        [output] = outputs.values()
        return np.asarray(output, np.float32).reshape(OBJECT_AND_BOX + self.num_classes, -1).T
