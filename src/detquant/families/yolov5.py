"""YOLOv5 and YOLOv7 as their own exporters write them: three boxes a cell, decoded in the graph, with objectness."""

from __future__ import annotations

from typing import ClassVar

from detquant.families.box_rows import BoxRows, Way, rows_of_cells
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.families.signature import Signature


class YOLOv5(BoxRows):
    """RGB 0-1, centred letterbox; [1, 3 * cells, 5 + classes]: cx cy w h in input pixels, object, classes."""

    name = "yolov5"
    nms_iou = 0.6
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)
    takes = (*INPUT_KINDS, "boxes", "unit", "scores", "objectness", "classes")
    strides = ((8, 16, 32), (8, 16, 32, 64))
    per_cell = 3
    has_objectness = True
    usual: ClassVar[Reading] = {"boxes": "cxcywh", "unit": "pixels", "scores": "chances", "objectness": "objectness"}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, {cls.per_cell * count_cells(height, width, cls.strides[0])}, 5 + classes]"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Rows come first, as a rule."""
        return next(iter(rows_of_cells(signature, cls.strides, cls.per_cell)), None)
