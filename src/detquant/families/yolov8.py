"""YOLOv8, and YOLOv5u, YOLOv9 and YOLO11, which Ultralytics exports with the same output."""

from __future__ import annotations

from detquant.families.box_rows import BoxRows, Way, rows_of_cells
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.objectness import tells_objectness
from detquant.families.signature import Signature


class YOLOv8(BoxRows):
    """RGB 0-1, centred letterbox; [1, 4 + classes, cells] or turned: cx cy w h in input pixels, then class scores."""

    name = "yolov8"
    nms_iou = 0.7
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)
    mark = "whose rows hold no objectness"
    # The graph decodes its boxes, so strides only serve to know the family: heads from P3, P2 and to P6.
    strides = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, 4 + classes, {count_cells(height, width, cls.strides[0])}]"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Rows come last, unless something tells that rows which come first have no objectness."""
        for rows, values, turned in cls.ways(signature):
            objectness = tells_objectness(signature, values)
            if objectness is False or (not turned and objectness is None):
                return rows, values, turned
        return None

    @classmethod
    def ways(cls, signature: Signature) -> list[Way]:
        """The ways in which the shape can be read, the usual one first."""
        return rows_of_cells(signature, cls.strides)[::-1]
