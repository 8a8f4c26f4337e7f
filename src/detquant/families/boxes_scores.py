"""Decoded boxes and class scores of each cell in two outputs: PP-YOLOE, DAMO-YOLO, YOLO-NAS without suppression.

Boxes are [1, cells, 4]; scores are [1, classes, cells], as PaddleDetection's exporter writes PP-YOLOE, or [1, cells,
classes], as DAMO-YOLO's and YOLO-NAS' write theirs. As many rows as the strides have cells tell them from an SSD. How
the boxes are meant, and whether scores have been through their sigmoid, is told by the values where the outputs are
others than usual. Boxes that are no corners are rather those of a YOLOv8 in two outputs, which is fed otherwise: then
the family is asked for.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError
from detquant.families.box_rows import BOX, BoxRows, Way
from detquant.families.class_names import written_names
from detquant.families.decoded_boxes import NEARLY_ALL, holds_corners
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.reading import INPUT_KINDS, Reading, written_reading
from detquant.families.signature import Outputs, Signature, is_dynamic, shapes_text
from detquant.families.ssd_anchors import count_grid_anchors
from detquant.families.told_by_values import NO_RISE, OF_ONE, line
from detquant.numerics.arrays import Floats

OTHERWISE = (
    "The outputs {outputs} have the shapes of {name}, but their boxes are no corners, as {name} has them: so they are "
    "rather of a YOLOv8 or its kin, exported in two outputs, which is fed otherwise. Say --family {name} --reads '0..1 "
    "letterbox' for a YOLOv8, or --family {name} alone for what is fed as {name} is."
)


class BoxesScores(BoxRows):
    """A detector with an output of boxes and one of scores.

    Attributes:
        classes_first: whether its scores are [1, classes, cells], as a rule.
        names: names of the two outputs.
        turned_scores: whether the scores of this model are.
    """

    output_count = 2
    strides = ((8, 16, 32), (8, 16, 32, 64))
    classes_first: ClassVar[bool]
    usual: ClassVar[Reading] = {"boxes": "xyxy", "unit": "pixels", "scores": "chances"}
    names: tuple[str, str]
    turned_scores: bool

    @classmethod
    @abstractmethod
    def scores_shape(cls, cells: int | str, classes: int | str) -> str:
        """The shape of the scores, in words."""

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        cells = count_cells(height, width, cls.strides[0])
        return f"boxes [1, {cells}, 4] and scores {cls.scores_shape(cells, 'classes')}"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Rows as long as a box and the scores of its cell."""
        found = find_pair(signature, cls.strides)
        if found is None:
            return None
        boxes, _, cells, classes, first = found
        said = signature.metadata.get("detquant.family") == cls.name
        _, height, width = signature.image_input()
        if not said and cells == count_grid_anchors(height, width) and not holds_corners(signature, boxes):
            return None  # an SSD's, rather
        ambiguous = cells == classes
        return (cells, BOX + classes, True) if first == cls.classes_first or ambiguous or said else None

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, and what the values show."""
        found = find_pair(signature, self.strides)
        assert found is not None, "count_classes has found them"
        self.names, self.turned_scores = found[:2], found[4]
        super().read_facts(signature)
        told = written_reading(signature.metadata)
        said = "detquant.family" in signature.metadata or not told.keys().isdisjoint(INPUT_KINDS)
        if not said and not self._has_corners(signature, told):
            raise ModelError(OTHERWISE.format(outputs=shapes_text(signature.outputs), name=self.name))

    def _has_corners(self, signature: Signature, told: Reading) -> bool:
        """Whether boxes are corners, by words or by values; also where no values are known."""
        values, usual = signature.values(), self.usual["boxes"]
        if "boxes" in told or not values:
            return told.get("boxes", usual) == usual
        box = np.nan_to_num(np.asarray(values[self.names[0]], np.float64).reshape(-1, BOX))
        ordered = bool((box[:, 2:] >= box[:, :2]).all(axis=1).mean() > NEARLY_ALL)
        first, last = (self._rise(box[:, one]) for one in (slice(2), slice(2, BOX)))
        if first and last and ordered:
            self.shown = {kind: word for kind, word in self.shown.items() if kind != "boxes"}
        word = self.shown.get("boxes")
        return word == usual or (word is None and ordered and first <= last)

    def _rise(self, points: npt.NDArray[np.float64]) -> bool:
        """Whether points [cells, 2] rise with the finest cells as their middles do: corners do, sizes do not."""
        place, stride = self._cells()
        finest = stride[:, 0] == stride.min()
        lines = [line(points[finest, axis], place[finest, axis] * stride.min()) for axis in (0, 1)]
        least, most = OF_ONE
        slopes = [slope for _, slope in lines]
        parts = [slope * side for slope, side in zip(slopes, (self.width, self.height), strict=True)]
        near = any(all(least < slope < most for slope in one) for one in (slopes, parts))
        return near and min(correlation for correlation, _ in lines) > NO_RISE

    def _matrix(self, outputs: Outputs) -> Floats:
        """Boxes and scores beside each other, [rows, 4 + classes]."""
        boxes, scores = (np.asarray(outputs[name], np.float32) for name in self.names)
        values = self._values() - BOX
        beside = scores.reshape(values, -1).T if self.turned_scores else scores.reshape(-1, values)
        return np.concatenate([boxes.reshape(-1, BOX), beside], axis=1)


class PPYOLOE(BoxesScores):
    """RGB 0-1, stretched (PP-YOLOE+; PP-YOLOE itself normalises as ImageNet's); boxes [1, cells, 4], scores turned."""

    name = "ppyoloe"
    mark = "whose scores are [1, classes, cells]"
    nms_iou = 0.7
    max_detections = 300
    form = WholeImage(rgb=True, resize="stretch", std=(255.0,) * 3)
    classes_first = True

    @classmethod
    def scores_shape(cls, cells: int | str, classes: int | str) -> str:
        """The shape of the scores, in words."""
        return f"[1, {classes}, {cells}]"


class DAMOYOLO(BoxesScores):
    """RGB 0-255, letterbox top left on black; boxes [1, cells, 4] and scores [1, cells, classes]."""

    name = "damo-yolo"
    mark = "whose scores are [1, cells, classes]"
    nms_iou = 0.7
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox-top-left-0")
    classes_first = False

    @classmethod
    def scores_shape(cls, cells: int | str, classes: int | str) -> str:
        """The shape of the scores, in words."""
        return f"[1, {cells}, {classes}]"


def find_pair(signature: Signature, strides: tuple[tuple[int, ...], ...]) -> tuple[str, str, int, int, bool] | None:
    """The outputs of boxes and scores.

    Args:
        signature: signature of the model.
        strides: sets of strides that are known.

    Returns:
        Names of the boxes and of the scores, cells, classes, and whether the scores are [1, classes, cells]; None if
        the outputs are others.
    """
    shapes = signature.outputs
    if len(shapes) != 2 or any(is_dynamic(one) or len(one) != 3 or one[0] != 1 for one in shapes.values()):
        return None
    _, height, width = signature.image_input()
    counts = {count_cells(height, width, one) for one in strides}
    named = len(written_names(signature.metadata) or ())
    names = list(shapes)
    for boxes, scores in ((names[0], names[1]), (names[1], names[0])):
        cells, four = int(shapes[boxes][1] or 0), shapes[boxes][2]
        first, last = int(shapes[scores][1] or 0), int(shapes[scores][2] or 0)
        if four != BOX or cells not in counts or cells not in (first, last):
            continue
        turned = last == cells and (first != cells or first == named)
        classes = first if turned else last
        return boxes, scores, cells, classes, turned
    return None
