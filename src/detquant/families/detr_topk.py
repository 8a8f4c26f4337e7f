"""RT-DETR, D-FINE and DEIM as their own repositories export them: the best queries, chosen in the graph.

Three outputs over the rows of what was found: labels, boxes, scores. Labels count from 0 and boxes are corners in
pixels of the original image, whose width and height the input `orig_target_sizes` tells (`given_inputs`); without that
input they are in pixels or parts of the network's, as their values show. The shape does not tell how many classes there
are: as many as the metadata names, else COCO's 80.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detquant.families.box_coding import PLAIN
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.found_labels import scores_of_labels
from detquant.families.input_form import WholeImage
from detquant.families.labels_apart import labels_and_scores, labels_entry
from detquant.families.reading import INPUT_KINDS, Reading, written_reading
from detquant.families.row_corners import require_corners
from detquant.families.shown_words import ReadByWords
from detquant.families.signature import Outputs, Signature, is_dynamic
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


class DETRTopK(ReadByWords):
    """RGB 0-1, stretched; labels [1, n], boxes [1, n, 4] as x1 y1 x2 y2 in input pixels, scores [1, n].

    Attributes:
        roles: which output is which.
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
    counts_names = True
    roles: Roles

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "labels [1, n], boxes [1, n, 4] and scores [1, n]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the shapes are not this family's."""
        if find_roles(signature) is None:
            return None
        return len(written_names(signature.metadata) or COCO_NAMES)

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, and the unit of the boxes, as their values show."""
        roles = find_roles(signature)
        assert roles is not None, "count_classes has found them"
        self.roles, self.shown = roles, {}
        if values := signature.values():
            box = np.asarray(values[roles.boxes], np.float32).reshape(-1, BOX)
            told = told_by_values(np.pad(box, ((0, 0), (0, 1))), None, self.usual, (self.width, self.height))
            self.shown = {kind: word for kind, word in told.items() if kind in self.takes}
            if "boxes" not in written_reading(signature.metadata):
                self.require_meant(values)

    def require_meant(self, outputs: Outputs) -> None:
        """Refuses boxes that are no corners, where nobody has said what they are."""
        if self.words["boxes"] == "xyxy" and "boxes" not in self.told:
            box, score = (np.asarray(outputs[one], np.float32) for one in (self.roles.boxes, self.roles.scores))
            require_corners(self.name, box.reshape(-1, BOX), score.reshape(-1))

    def facts(self) -> dict[str, str]:
        """Which output has the labels, for files that are made from this one, where names do not tell."""
        return labels_entry(self.roles.labels, self.roles.scores)

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere."""
        roles = self.roles
        label, score = (np.asarray(outputs[name], np.float64).reshape(-1) for name in (roles.labels, roles.scores))
        return scores_of_labels(label - (self.words["labels"] == "from-1"), score, self.num_classes)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [n, 4] as xyxy in input pixels."""
        box = np.asarray(outputs[self.roles.boxes], np.float32).reshape(-1, BOX)
        return self.in_pixels(PLAIN[self.words["boxes"]](box))


def find_roles(signature: Signature) -> Roles | None:
    """Finds out which output is which: labels come first, as a rule (`labels_apart`); None if the shapes are others."""
    shapes = signature.outputs
    if len(shapes) != 3 or any(is_dynamic(shape) for shape in shapes.values()):
        return None
    boxes = [name for name, shape in shapes.items() if len(shape) == 3 and shape[::2] == (1, BOX)]
    rows = int(shapes[boxes[0]][1] or 0) if boxes else 0
    pair = [name for name, shape in shapes.items() if shape == (1, rows)]
    if len(boxes) != 1 or len(pair) != 2 or rows > MOST_ROWS:
        return None
    labels, scores = labels_and_scores(signature, *pair)
    return Roles(labels, boxes[0], scores)
