"""End-to-end heads, as YOLOv10 and YOLO26 have them, and exports with the suppression in the graph.

Rows are what was found: left, top, right, bottom, score, number of the class. There is nothing left to suppress. The
shape does not tell how many classes there are: as many as the metadata names, else COCO's 80. There may be a fixed
number of rows, or as many as there are objects. Rows [n, 7] begin with the number of the image; YOLOv7's exporter
(``--end2end``) writes the score last, YOLO-NAS' (flat predictions) the class: the name or the values tell. Where
Ultralytics' task is "obb", the box is centre and size and an angle stands behind the class: what is scored is its
upright hull.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from detquant.families.besides import ROTATED
from detquant.families.box_coding import PLAIN
from detquant.families.box_rows import BOX
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.found_labels import scores_of_labels
from detquant.families.input_form import WholeImage
from detquant.families.reading import INPUT_KINDS, Reading, written_reading
from detquant.families.rotated import hulls
from detquant.families.row_corners import require_corners
from detquant.families.shown_words import ReadByWords
from detquant.families.signature import Outputs, Signature
from detquant.families.told_by_values import scores_by_values, told_by_values
from detquant.numerics.arrays import Floats

VALUES = 6
MOST_ROWS = 1000
SCORE, CLASS = 4, 5
OF_BATCHES = 7
"""Values of a row that begins with the number of its image: x1 y1 x2 y2 follow, then class and score."""
SCORE_LAST, CLASS_LAST = (1, 2, 3, 4, 6, 5), (1, 2, 3, 4, 5, 6)
"""Where box, score and class stand in such a row: YOLOv7's, and YOLO-NAS'."""
FLAT = "flat_predictions"
"""What YOLO-NAS' exporter calls its output, behind the number of a graph."""
KEY = "detquant.class_last"
"""Entry of the metadata of a file made from one whose rows have the class last, where that only their values told."""


class EndToEnd(ReadByWords):
    """RGB 0-1, centred letterbox; [1, n, 6]: x1 y1 x2 y2 in input pixels, score, class."""

    name = "end-to-end"
    mark = "whose last values are numbers of classes"
    nms_iou = 1.0  # no IoU is above 1
    max_detections = 300
    form = WholeImage(rgb=True, resize="letterbox", std=(255.0,) * 3)
    takes = (*INPUT_KINDS, "boxes", "unit", "labels", "classes")
    usual: ClassVar[Reading] = {"boxes": "xyxy", "unit": "pixels", "labels": "from-0"}
    ranked = True
    counts_names = True
    order: tuple[int, ...] = SCORE_LAST

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return (
            "one output [1, n, 6]: left, top, right, bottom, score, class; or [n, 7]: image, box, then class and score "
            "or score and class"
        )

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the shapes are not this family's."""
        if not are_rows(signature):
            return None
        said = signature.metadata.get("detquant.family") == cls.name or signature.metadata.get("task") == ROTATED
        named = written_names(signature.metadata)
        if not said and (holds := holds_classes(signature)) is not True:
            two = named is not None and len(named) == VALUES - BOX
            if holds is False or two:
                return None
        return len(named or COCO_NAMES)

    def read_facts(self, signature: Signature) -> None:
        """The unit of the boxes, as their values show, which must be corners unless words tell otherwise."""
        self.order = order_of(signature)
        told = {"boxes": "cxcywh"} if signature.metadata.get("task") == ROTATED else {}
        outputs = signature.values()
        if outputs:
            rows = self._rows(outputs)
            size = self.width, self.height
            shown = told_by_values(rows[:, : SCORE + 1], None, self.usual, size)
            told |= {kind: word for kind, word in shown.items() if kind in self.takes and kind != "boxes"}
            if not told.get("boxes") and "boxes" not in written_reading(signature.metadata):
                require_corners(self.name, rows[:, :BOX], rows[:, SCORE])
        self.shown = told

    def require_meant(self, outputs: Outputs) -> None:
        """Refuses boxes that are no corners, where nobody has said what they are."""
        if self.words["boxes"] == "xyxy" and "boxes" not in self.told:
            rows = self._rows(outputs)
            require_corners(self.name, rows[:, :BOX], rows[:, SCORE])

    def facts(self) -> dict[str, str]:
        """That the class stands last in rows of seven values, where it does."""
        return {KEY: "true"} if self.order == CLASS_LAST else {}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere."""
        rows = self._rows(outputs)
        label = rows[:, CLASS] - (self.words["labels"] == "from-1")
        return scores_of_labels(label, rows[:, SCORE], self.num_classes)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [n, 4] as xyxy in input pixels."""
        box, angle = self._rows(outputs)[:, :BOX], self._angle(outputs)
        return self.in_pixels(PLAIN[self.words["boxes"]](box) if angle is None else hulls(box, angle))

    def _rows(self, outputs: Outputs) -> Floats:
        """What was found, [n, 6]: box, score, class."""
        return rows_of(self.scored_output(outputs), self.order)

    def _angle(self, outputs: Outputs) -> Floats | None:
        """The angles [n] of rotated boxes; None where boxes are upright."""
        rotated = self.besides is not None and self.besides.rotated
        return np.asarray(self.besides.behind(outputs)[:, 0], np.float32) if rotated and self.besides else None


def are_rows(signature: Signature) -> bool:
    """Whether the one output is [1, n, 6] or [n, 7], whose number of rows may be open."""
    if len(signature.outputs) != 1:
        return False
    [shape] = signature.outputs.values()
    if len(shape) == 2:
        return shape[1] == OF_BATCHES and not isinstance(shape[0], (int, np.integer))  # [1, 7] is a vector
    return len(shape) == 3 and shape[0] == 1 and shape[2] == VALUES and _few(shape[1])


def _few(rows: int | str | None) -> bool:
    return not isinstance(rows, (int, np.integer)) or rows <= MOST_ROWS


def order_of(signature: Signature) -> tuple[int, ...]:
    """Where box, score and class stand in rows of seven values: as the file or a name says, else as values show."""
    if any(shape[-1:] != (OF_BATCHES,) for shape in signature.outputs.values()):
        return SCORE_LAST
    if any(FLAT in name for name in signature.outputs) or signature.metadata.get(KEY) == "true":
        return CLASS_LAST
    for output in signature.values().values():
        last = np.asarray(output, np.float32)[..., -2:].reshape(-1, 2)
        whole = (last == np.rint(last)).all(axis=0)
        if len(last) and whole[1] and not whole[0] and scores_by_values(last[:, 0]) == "chances":
            return CLASS_LAST
    return SCORE_LAST


def rows_of(output: npt.NDArray[Any], order: tuple[int, ...] = SCORE_LAST) -> Floats:
    """An output as rows of box, score and class, [n, 6]; of seven values those of the order."""
    array = np.asarray(output, np.float32)
    if array.shape[-1] == OF_BATCHES:
        return array.reshape(-1, OF_BATCHES)[:, order]
    return array.reshape(-1, VALUES)


def holds_classes(signature: Signature) -> bool | None:
    """Whether the last values are numbers of classes, or None where no values are known, or nothing was found."""
    for output in signature.values().values():
        labels = rows_of(output, order_of(signature))[:, CLASS]
        if not len(labels):
            return None
        return bool((labels == np.rint(labels)).all() and labels.min() >= 0)
    return None
