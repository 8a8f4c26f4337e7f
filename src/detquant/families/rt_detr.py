"""RT-DETR as Ultralytics exports it: a row for each query, nothing suppressed and nothing to suppress.

Boxes are parts of the input, whose sides are scaled each by itself (Zhao et al., DETRs Beat YOLOs on Real-time Object
Detection, 2023). The number of queries is free, so besides the shape something must tell the classes: their names, or
that they are COCO's; with two classes the values tell it from the rows of an end-to-end head.
"""

from __future__ import annotations

from typing import ClassVar

from detquant.families.box_rows import BOX, BoxRows, Way, only_output
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.end_to_end import VALUES, holds_classes
from detquant.families.input_form import WholeImage
from detquant.families.reading import Reading
from detquant.families.signature import Signature

QUERIES = 1000
"""Most rows of a head that can be queries."""


class RTDETR(BoxRows):
    """RGB 0-1, stretched; [1, queries, 4 + classes]: cx cy w h in parts of the input, class scores."""

    name = "rt-detr"
    mark = "whose rows hold the scores of as many classes as are named"
    nms_iou = 1.0  # queries do not repeat each other, and no IoU is above 1
    max_detections = 300
    form = WholeImage(rgb=True, resize="stretch", std=(255.0,) * 3)
    ranked = True
    strides = ()
    usual: ClassVar[Reading] = {"boxes": "cxcywh", "unit": "parts", "scores": "chances"}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "one output [1, queries, 4 + classes], whose classes the metadata names"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Rows come first, and are as long as the names tell."""
        shape = only_output(signature)
        if shape is None or shape[1] > QUERIES:
            return None
        _, rows, values = shape
        said = signature.metadata.get("detquant.family") == cls.name
        if not said and values - BOX != len(written_names(signature.metadata) or COCO_NAMES):
            return None
        if not said and values == VALUES and holds_classes(signature) is True:
            return None
        return rows, values, True
