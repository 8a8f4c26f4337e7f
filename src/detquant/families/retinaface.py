"""RetinaFace, as Pytorch_Retinaface exports it: faces with five key points (Deng et al., RetinaFace, 2020).

From biubug6/Pytorch_Retinaface, MobileNet-0.25 and ResNet-50 (``models/retinaface.py``, ``data/config.py``,
``layers/functions/prior_box.py``): three outputs over the same anchors, boxes [1, anchors, 4], scores [1, anchors, 2],
background first, and points [1, anchors, 10]. Each cell of the strides 8, 16 and 32 has two square anchors, of sides
16 32, 64 128, and 256 512 pixels; codes are an SSD's with variances of 0.1 and 0.2 (`ssd_heads`). Files differ:

1. scores are behind the softmax (``phase='test'``), where the two of an anchor add up to 1, or before it;
2. boxes are corners in parts of the image (``test-decode``), whose left never lies right of the right, or codes.

Points pass through: they are not scored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import numpy as np

from detquant.families._base import Family
from detquant.families.besides import points_beside
from detquant.families.grid import cells, count_cells
from detquant.families.input_form import WholeImage
from detquant.families.logits import softmax
from detquant.families.reading import INPUT_KINDS
from detquant.families.signature import Outputs, Shape, Signature
from detquant.families.ssd_heads import centre_size_boxes, values_of_an_anchor
from detquant.numerics.arrays import Floats

KEY = "detquant.retinaface"
"""Entry of the metadata that says, as JSON, whether boxes are decoded and scores are chances."""
SIDES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""Sides of the anchors in pixels, by stride."""
STRIDES, PER_CELL = tuple(SIDES), 2
VARIANCES = (0.1, 0.2)
BOX, BACKGROUND_AND_FACE, POINTS = 4, 2, 10
_NEAR = 1e-3


class RetinaFace(Family):
    """BGR less 104, 117, 123, letterbox top left; boxes [1, anchors, 4], scores [1, anchors, 2], ten of points.

    Attributes:
        names: names of the outputs of boxes and of scores.
        decoded: whether boxes are corners already.
        chances: whether scores are behind the softmax.
    """

    name = "retinaface"
    mark = "whose cells of strides 8, 16 and 32 have two anchors each"
    output_count = 3
    nms_iou = 0.4
    max_detections = 750
    form = WholeImage(rgb=False, resize="letterbox-top-left", mean=(104.0, 117.0, 123.0))
    takes: ClassVar[tuple[str, ...]] = (*INPUT_KINDS, "classes")
    names: tuple[str, str]
    decoded: bool
    chances: bool

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        rows = PER_CELL * count_cells(height, width, STRIDES)
        return f"outputs [1, {rows}, 4], [1, {rows}, 2] and perhaps [1, {rows}, 10]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """One class, a face; None if the shapes are not this family's."""
        _, height, width = signature.image_input()
        return None if _find(signature.outputs, PER_CELL * count_cells(height, width, STRIDES)) is None else 1

    def read_facts(self, signature: Signature) -> None:
        """What the file says of boxes and scores, else what their values show; of ``phase='test'`` without either."""
        if self.classes == ("class 0",):
            self.classes = ("face",)
        found = _find(signature.outputs, len(anchors(self.height, self.width)))
        assert found is not None, "count_classes has found them"
        boxes, scores, *points = found
        self.names = boxes, scores
        self.besides = points_beside([boxes], points) if points else None
        said = _said(signature.metadata)
        self.decoded, self.chances = said if said is not None else (False, True)
        if said is None and (values := signature.values()):
            corners, chance = (self._rows(values, name) for name in self.names)
            self.decoded = bool((corners[:, :2] <= corners[:, 2:]).all())
            self.chances = bool(np.allclose(chance.sum(axis=1), 1, atol=_NEAR))

    def facts(self) -> dict[str, str]:
        """Whether boxes are decoded and scores are chances, for files that are made from this one."""
        return {KEY: json.dumps({"decoded": self.decoded, "chances": self.chances})}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [anchors, 1], without the background."""
        values = self._rows(outputs, self.names[1])
        return (values if self.chances else softmax(values))[:, 1:]

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [anchors, 4] as xyxy in input pixels."""
        found = self._rows(outputs, self.names[0])
        if not self.decoded:
            return centre_size_boxes(found, anchors(self.height, self.width), VARIANCES)
        return np.asarray(found * np.array([self.width, self.height] * 2, np.float32), np.float32)

    def _rows(self, outputs: Outputs, name: str) -> Floats:
        array = np.asarray(outputs[name], np.float32)
        return array.reshape(len(anchors(self.height, self.width)), -1)


@lru_cache(maxsize=8)
def anchors(height: int, width: int) -> Floats:
    """Centre x, centre y, width, height [anchors, 4] in pixels of the input; read-only.

    Args:
        height: height of the input, pixels.
        width: width of the input, pixels.
    """
    place, stride = cells(height, width, STRIDES)
    centre = np.repeat((place + np.float32(0.5)) * stride, PER_CELL, axis=0)
    side = np.concatenate([SIDES[int(one)] for one in stride[:, 0]]).astype(np.float32)[:, None]
    made: Floats = np.concatenate([centre, side, side], axis=1)
    made.flags.writeable = False
    return made


def _find(shapes: Mapping[str, Shape], rows: int) -> list[str] | None:
    """Names of boxes and scores, and perhaps of points; None where the outputs are others."""
    values = {values_of_an_anchor(shape, rows): name for name, shape in shapes.items() if shape[-2:-1] == (rows,)}
    expected = [BOX, BACKGROUND_AND_FACE, POINTS][: len(shapes)]
    fits = len(shapes) in (2, 3) and len(values) == len(shapes) and values.keys() == set(expected)
    return [values[one] for one in expected] if fits else None


def _said(metadata: Mapping[str, str]) -> tuple[bool, bool] | None:
    """Whether boxes are decoded and scores are chances, as the metadata says; None where it says neither."""
    try:
        said = json.loads(metadata[KEY])
        decoded, chances = said["decoded"], said["chances"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return (decoded, chances) if isinstance(decoded, bool) and isinstance(chances, bool) else None
