"""RT-DETR, D-FINE and DEIM as their own repositories export them: the best queries, chosen in the graph.

Three outputs over the rows of what was found: labels, boxes, scores. Labels count from 0 and boxes are corners in
pixels of the original image, whose width and height the input `orig_target_sizes` tells (`given_inputs`); without that
input they are in pixels or parts of the network's, as their values show. The shape does not tell how many classes there
are: as many as the metadata names, else COCO's 80.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detquant.families._base import Family
from detquant.families.box_coding import PLAIN
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.input_form import WholeImage
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.told_by_values import told_by_values
from detquant.numerics.arrays import Floats

BOX = 4
MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the outputs, by what they hold."""

    labels: str
    boxes: str
    scores: str


class DETRTopK(Family):
    """RGB 0-1, stretched; labels [1, n], boxes [1, n, 4] as x1 y1 x2 y2 in input pixels, scores [1, n].

    Attributes:
        roles: which output is which.
        shown: the words that the values show.
    """

    name = "detr-topk"
    mark = "whose labels, boxes and scores are three outputs"
    output_count = 3
    nms_iou = 1.0  # queries do not repeat each other, and no IoU is above 1
    max_detections = 300
    form = WholeImage(rgb=True, std=(255.0,) * 3)
    takes = (*INPUT_KINDS, "boxes", "unit", "labels", "classes")
    usual: ClassVar[Reading] = {"boxes": "xyxy", "unit": "pixels", "labels": "from-0"}
    ranked = True
    roles: Roles
    shown: Reading

    @classmethod
    def from_signature(cls, signature: Signature, classes: tuple[str, ...] | None = None) -> Self:
        """Makes the family for one model, of as many classes as are named.

        Args:
            signature: signature of the model.
            classes: class names, whose number counts; by default those in the file's metadata, else COCO's.

        Raises:
            ModelError: the model is not of this family.
        """
        return super().from_signature(signature.naming(classes))

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "labels [1, n], boxes [1, n, 4] and scores [1, n]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the shapes are not this family's."""
        if find_roles(signature.outputs) is None:
            return None
        return len(written_names(signature.metadata) or COCO_NAMES)

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, and the unit of the boxes, as their values show."""
        roles = find_roles(signature.outputs)
        assert roles is not None, "count_classes has found them"
        self.roles, self.shown = roles, {}
        if values := signature.values():
            box = np.asarray(values[roles.boxes], np.float32).reshape(-1, BOX)
            told = told_by_values(np.pad(box, ((0, 0), (0, 1))), None, self.usual, (self.width, self.height))
            self.shown = {kind: word for kind, word in told.items() if kind in self.takes}

    @property
    def reading(self) -> Reading:
        """How images go in and outputs are read, in words."""
        return {**super().reading, **self._words()}

    @property
    def own_reading(self) -> Reading:
        """The words of the family and those that the values show, whatever words were told."""
        return {**super().own_reading, **self.usual, **self.shown}

    def heeds(self, kind: str, word: str) -> bool:
        """Whether a word of that kind changes anything."""
        return super().heeds(kind, word) and (kind != "boxes" or word in PLAIN)

    def kept_reading(self) -> Reading:
        """The words for files made from this model: also what the values showed, so that nothing is guessed again."""
        unusual = {kind: word for kind, word in self.shown.items() if self.usual.get(kind) != word}
        return {**unusual, **super().kept_reading()}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere."""
        label, score = (np.asarray(outputs[name], np.float64).reshape(-1) for name in self._pair())
        label = np.nan_to_num(label, nan=-1.0) - (self._words()["labels"] == "from-1")
        label = np.rint(np.clip(label, -1, self.num_classes)).astype(np.int64)
        known = np.flatnonzero((label >= 0) & (label < self.num_classes) & np.isfinite(score))
        found = np.zeros((len(score), self.num_classes), np.float32)
        found[known, label[known]] = score[known]
        return found

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [n, 4] as xyxy in input pixels."""
        words = self._words()
        corners = PLAIN[words["boxes"]](np.asarray(outputs[self.roles.boxes], np.float32).reshape(-1, BOX))
        if words["unit"] == "parts":
            corners = corners * np.array([self.width, self.height] * 2, np.float32)
        return np.asarray(corners, np.float32)

    def _pair(self) -> tuple[str, str]:
        return self.roles.labels, self.roles.scores

    def _words(self) -> dict[str, str]:
        told = {kind: word for kind, word in self.told.items() if kind not in INPUT_KINDS}
        return {**self.usual, **self.shown, **told}


def find_roles(shapes: Mapping[str, Shape]) -> Roles | None:
    """Finds out which output is which: by its name, else labels come first; None if the shapes are others."""
    if len(shapes) != 3 or any(is_dynamic(shape) for shape in shapes.values()):
        return None
    boxes = [name for name, shape in shapes.items() if len(shape) == 3 and shape[::2] == (1, BOX)]
    rows = int(shapes[boxes[0]][1] or 0) if boxes else 0
    pair = [name for name, shape in shapes.items() if shape == (1, rows)]
    if len(boxes) != 1 or len(pair) != 2 or rows > MOST_ROWS:
        return None
    labels, scores = sorted(pair, key=lambda name: "score" in name.lower())
    return Roles(labels, boxes[0], scores)
