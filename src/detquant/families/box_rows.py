"""Detectors whose one output has a row for each box: four numbers of the box, perhaps objectness, then the classes.

YOLOv8, YOLOX, YOLOv6, YOLOv5 and RT-DETR differ in what the four numbers mean, in whether there is an objectness, and
in which way the output is turned. Exports of one family differ in that too: boxes in pixels or in parts of the input,
as corners or as centre and size, decoded or relative to their cells, scores before or after the sigmoid. So

1. each family says how it is read usually;
2. what the values show on a picture of noise overrules that (`told_by_values`);
3. what is told in words overrules both (`reading`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np

from detquant.errors import ModelError
from detquant.families.besides import ROTATED
from detquant.families.box_coding import OF_CELLS, PLAIN
from detquant.families.grid import cells, count_cells
from detquant.families.logits import sigmoid
from detquant.families.reading import BACKGROUND, INPUT_KINDS, Reading, written_reading
from detquant.families.shown_words import ReadByWords
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.told_by_values import NO_SCORE, scores_by_values, told_by_values
from detquant.numerics.arrays import Floats, Ints

BOX = 4
Way = tuple[int, int, bool]
"""Rows, values of a row, and whether the output is [1, rows, values]."""


class BoxRows(ReadByWords):
    """A detector with one output, [1, rows, values] or [1, values, rows].

    Attributes:
        strides: strides of the maps whose cells the rows are; each entry is one usual set.
        per_cell: rows that a cell has.
        has_objectness: whether the fifth value is one.
        rotated: whether the last value is the angle of the box.
        turned: whether the output is [1, rows, values].
        rows: how many boxes there are.
    """

    takes: ClassVar[tuple[str, ...]] = (*INPUT_KINDS, "boxes", "unit", "scores", "classes")
    strides: ClassVar[tuple[tuple[int, ...], ...]] = ((8, 16, 32),)
    per_cell: ClassVar[int] = 1
    has_objectness: ClassVar[bool] = False
    rotated: ClassVar[bool] = False
    usual: ClassVar[Reading] = {"boxes": "cxcywh", "unit": "pixels", "scores": "chances"}
    turned: bool = False
    rows: int = 0

    @classmethod
    @abstractmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """How the output is turned; None if it is not this family's."""

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        said = signature.metadata.get("detquant.family") == cls.name
        if signature.metadata.get("task") == ROTATED and not cls.rotated and not said:
            return None
        found = cls.find_rows(signature)
        if found is None:
            return None
        background = written_reading(signature.metadata).get("classes") in BACKGROUND
        count = found[1] - BOX - cls.has_objectness - cls.rotated - background
        return count if count > 0 else None

    def read_facts(self, signature: Signature) -> None:
        """How the output is turned, and what its values show."""
        found = self.find_rows(signature)
        assert found is not None, "count_classes has found them"
        self.rows, _, self.turned = found
        said = written_reading(signature.metadata)
        if said.get("classes") in BACKGROUND:
            self.told = {"classes": said["classes"]}
        self.shown = {}
        known = {"boxes", "unit", "scores"} <= said.keys()
        values = {} if known else signature.values()
        if values:
            self.shown = self._shown(self._plain(self._matrix(values)))

    def read_as(self, reading: Reading) -> Self:
        """A copy of the family, fed and read as the words say; a class that stands for background is left out."""
        changed = super().read_as(reading)
        word = reading.get("classes")
        if word in BACKGROUND and self.told.get("classes") not in BACKGROUND:
            changed.classes = self.classes[1:] if word == "background-first" else self.classes[:-1]
        return changed

    def heeds(self, kind: str, word: str) -> bool:
        """Whether a word of that kind changes anything; boxes of cells need cells."""
        return self.knows(kind, word) and (word not in OF_CELLS or self._has_cells())

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [rows, classes], 0 to 1."""
        words, values = self.words, self._matrix(outputs)[:, BOX:]
        if words["scores"] == "logits":
            values = sigmoid(values)
        things = values[:, self.has_objectness :]
        background = self.told.get("classes")
        if background in BACKGROUND:
            things = things[:, 1:] if background == "background-first" else things[:, :-1]
        if self.has_objectness and words.get("objectness") != "classes-alone":
            things = values[:, :1] * things
        return np.asarray(things)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [rows, 4] as xyxy in input pixels."""
        words, box = self.words, self._matrix(outputs)[:, :BOX]
        if words["boxes"] in OF_CELLS:
            place, stride = self._cells()
            return OF_CELLS[words["boxes"]](box, place, stride)
        return self.in_pixels(PLAIN[words["boxes"]](box))

    def fits(self, outputs: Outputs) -> bool:
        """Whether the scores lie where they are said to: chances within 0 and 1, logits beyond."""
        return self.words["scores"] == scores_by_values(self._matrix(outputs)[:, BOX:])

    def _values(self) -> int:
        background = self.told.get("classes") in BACKGROUND
        return BOX + self.has_objectness + self.num_classes + background

    def _matrix(self, outputs: Outputs) -> Floats:
        """The output as [rows, values]."""
        matrix = np.asarray(self.scored_output(outputs), np.float32)
        return matrix.reshape(-1, self._values()) if self.turned else matrix.reshape(self._values(), -1).T

    def _has_cells(self) -> bool:
        return self.per_cell == 1 and self._strides() is not None

    def _strides(self) -> tuple[int, ...] | None:
        counts = {count_cells(self.height, self.width, one) * self.per_cell: one for one in self.strides}
        return counts.get(self.rows)

    def _cells(self) -> tuple[Floats, Floats]:
        strides = self._strides()
        assert strides is not None, "heeds has asked for them"
        return cells(self.height, self.width, strides)

    def _plain(self, matrix: Floats) -> Floats:
        """The rows as they are; refused where what is behind the box cannot be scores."""
        largest = float(np.nan_to_num(matrix[:, BOX:]).max(initial=0))
        if largest > NO_SCORE:
            raise ModelError(
                f"The output has {matrix.shape[1]} values a box, and those behind the first {BOX} go up to "
                f"{largest:.0f}, which no score does: it is no plain {self.name}. Export one without "
                f"key points (pose) or masks."
            )
        return matrix

    def _shown(self, matrix: Floats) -> Reading:
        """The words that the values show (case 2); where rows share a cell, exporters do not agree on their order."""
        size = self.width, self.height
        if self._strides() is None:
            return told_by_values(matrix, None, self.usual, size)
        place, stride = self._cells()
        middles = (place + 0.5) * stride
        rows = [middles[order(stride, self.per_cell)] for order in ORDERS[: self.per_cell]]
        return max((told_by_values(matrix, one, self.usual, size) for one in rows), key=len)


def _by_anchor(stride: Floats, per_cell: int) -> Ints:
    """The cell of each row where a map has all of its cells for the first box, then for the second, and so on."""
    maps = [np.flatnonzero(stride[:, 0] == one) for one in dict.fromkeys(stride[:, 0].tolist())]
    return np.concatenate([np.tile(one, per_cell) for one in maps])


def _by_cell(stride: Floats, per_cell: int) -> Ints:
    """The cell of each row where the boxes of a cell stand together."""
    return np.repeat(np.arange(len(stride)), per_cell)


ORDERS = (_by_anchor, _by_cell)


def rows_of_cells(signature: Signature, strides: tuple[tuple[int, ...], ...], per_cell: int = 1) -> list[Way]:
    """The ways to read the one output as rows of cells.

    Args:
        signature: signature of the model.
        strides: sets of strides that are known.
        per_cell: rows of a cell.

    Returns:
        [1, rows, values] as (rows, values, True), [1, values, rows] as (rows, values, False), as far as they fit.
    """
    shape = only_output(signature)
    if shape is None:
        return []
    _, height, width = signature.image_input()
    counts = {per_cell * count_cells(height, width, one) for one in strides}
    _, first, last = shape
    ways = ((first, last, True), (last, first, False))
    return [way for way in ways if way[0] in counts]


def only_output(signature: Signature) -> tuple[int, int, int] | None:
    """The shape of the one output where it is [1, n, m]."""
    if len(signature.outputs) != 1:
        return None
    shape: Shape = next(iter(signature.outputs.values()))
    if len(shape) != 3 or is_dynamic(shape) or shape[0] != 1:
        return None
    one, first, last = (int(size or 0) for size in shape)
    return one, first, last
