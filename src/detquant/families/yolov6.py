"""YOLOv6: decoded boxes, an objectness that is always 1, and the classes (Li et al., YOLOv6, 2022).

Its shapes are YOLOX's, which is fed otherwise; what tells them apart is that objectness, on any picture.
"""

from __future__ import annotations

from typing import ClassVar

from detquant.families.box_rows import Way
from detquant.families.input_form import WholeImage
from detquant.families.reading import Reading
from detquant.families.signature import Signature
from detquant.families.yolox import YOLOX, fifth_is_one, find_objectness


class YOLOv6(YOLOX):
    """RGB 0-1, centred letterbox; [1, cells, 5 + classes]: cx cy w h in input pixels, 1, class scores."""

    name = "yolov6"
    mark = "whose fifth value is 1 in every row"
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)
    usual: ClassVar[Reading] = {"boxes": "cxcywh", "unit": "pixels", "scores": "chances", "objectness": "objectness"}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"{super().expected(height, width)}, the fifth value always 1"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Finds rows as YOLOX has them, if their fifth value is always 1 or the file says that it is this family."""
        way = find_objectness(signature, cls.strides)
        said = signature.metadata.get("detquant.family") == cls.name
        return way if way and (said or fifth_is_one(signature, way)) else None
