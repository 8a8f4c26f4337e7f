"""YOLOX, as Megvii exports it: boxes relative to their cell, decoded here; or decoded in the graph."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detquant.families.box_rows import BOX, BoxRows, Way, rows_of_cells
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.objectness import tells_objectness
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.families.signature import Signature


class YOLOX(BoxRows):
    """BGR 0-255, top-left letterbox; [1, cells, 5 + classes]: x y w h, sigmoids of object and classes."""

    name = "yolox"
    nms_iou = 0.65
    max_detections = 300
    form = WholeImage(rgb=False, resize="letterbox-top-left")
    takes = (*INPUT_KINDS, "boxes", "unit", "scores", "objectness", "classes")
    mark = "whose fifth value is an objectness, which varies"
    has_objectness = True
    usual: ClassVar[Reading] = {"boxes": "grid", "unit": "pixels", "scores": "chances", "objectness": "objectness"}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"one output [1, {count_cells(height, width, cls.strides[0])}, 5 + classes]"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Rows come first, unless something tells that rows which come last have an objectness."""
        way = find_objectness(signature, cls.strides)
        said = signature.metadata.get("detquant.family") == cls.name
        return None if way and not said and fifth_is_one(signature, way) else way


def find_objectness(signature: Signature, strides: tuple[tuple[int, ...], ...]) -> Way | None:
    """How the output is turned if its rows may have an objectness."""
    for rows, values, turned in rows_of_cells(signature, strides):
        objectness = tells_objectness(signature, values)
        if objectness or (turned and objectness is None):
            return rows, values, turned
    return None


def fifth_is_one(signature: Signature, way: Way) -> bool:
    """Whether the objectness is 1 throughout, as YOLOv6 has it."""
    rows, values, turned = way
    for output in signature.values().values():
        matrix = np.asarray(output).reshape(rows, values) if turned else np.asarray(output).reshape(values, rows).T
        return bool((matrix[:, BOX] == 1).all())
    return False
