"""Detectors of PaddleDetection with the suppression in their graph: PP-YOLOE, PicoDet, RT-DETR, PP-YOLO.

Rows [n, 6] are what was found: number of the class, score, left, top, right, bottom; beside them is their number, and
perhaps the places of the boxes. How many rows there are may depend on the image. Boxes are in pixels of the original
image, which the inputs `scale_factor` and `im_shape` tell (`given_inputs`). The shape does not tell how many classes
there are: as many as the metadata names, else COCO's 80.

Images are prepared as the reader of the model says: PicoDet and the older PP-YOLOE take off ImageNet's means,
PP-YOLOE+ and RT-DETR do not. Exports have it in `infer_cfg.yml`, which is read where it lies beside the file; else the
size of the image among the inputs tells an RT-DETR.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Family
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.found_labels import scores_of_labels
from detquant.families.input_form import WholeImage
from detquant.families.paddle_input import IMAGENET, KEY, PLAIN, paddle_entry, told_form
from detquant.families.reading import INPUT_KINDS
from detquant.families.signature import Outputs, Shape, Signature
from detquant.families.told_by_values import scores_by_values
from detquant.numerics.arrays import Floats

VALUES = 6
CLASS, SCORE, BOX = 0, 1, 2
MOST_ROWS = 1000


class Paddle(Family):
    """RGB, stretched; rows [n, 6]: class, score, x1 y1 x2 y2 in input pixels; and their number [1].

    Attributes:
        rows: name of the output with the rows.
    """

    name = "paddle"
    mark = "whose rows begin with the class and the score"
    output_count = 2
    nms_iou = 1.0  # the graph has suppressed, and no IoU is above 1
    max_detections = 300
    takes = (*INPUT_KINDS, "classes")
    input_key = KEY
    ranked = True
    counts_names = True
    rows: str
    form: WholeImage

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "rows [n, 6] (class, score, left, top, right, bottom) and their number [1]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the shapes are not this family's."""
        said = signature.metadata.get("detquant.family") == cls.name
        rows = _find_rows(signature)
        if rows is None or not (said or _may_be_found(signature, rows)):
            return None
        return len(written_names(signature.metadata) or COCO_NAMES)

    def read_facts(self, signature: Signature) -> None:
        """Which output has the rows, and how its reader prepares images."""
        rows = _find_rows(signature)
        assert rows is not None, "count_classes has found them"
        self.rows = rows
        self.form = told_form(signature.metadata) or (PLAIN if "im_shape" in signature.inputs else IMAGENET)

    def facts(self) -> dict[str, str]:
        """How images are prepared, for files that are made from this one."""
        return paddle_entry(self.form)

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere and in rows that hold nothing."""
        rows = self._rows(outputs)
        return scores_of_labels(rows[:, CLASS], rows[:, SCORE], self.num_classes)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [n, 4] as xyxy in input pixels."""
        return self._rows(outputs)[:, BOX:]

    def _rows(self, outputs: Outputs) -> Floats:
        return np.asarray(outputs[self.rows], np.float32).reshape(-1, VALUES)


def _find_rows(signature: Signature) -> str | None:
    """The name of the output with the rows; None where the outputs are others."""
    rows = [name for name, shape in signature.outputs.items() if _is_rows(shape)]
    others = [shape for name, shape in signature.outputs.items() if name not in rows]
    counts = sum(shape in ((1,), (), (None,)) or len(shape) == 1 for shape in others)
    fits = len(rows) == 1 and counts >= 1 and all(len(shape) <= 2 for shape in others)
    return rows[0] if fits else None


def _may_be_found(signature: Signature, rows: str) -> bool:
    """Whether the values, where they are known, begin with the number of a class and a score."""
    values = signature.values()
    if rows not in values:
        return True
    found = np.asarray(values[rows], np.float32).reshape(-1, VALUES)
    label, score = found[:, CLASS], found[:, SCORE]
    whole = np.isfinite(label).all() and (label == np.rint(label)).all()
    return bool(whole) and scores_by_values(score) == "chances"


def _is_rows(shape: Shape) -> bool:
    return len(shape) == 2 and shape[1] == VALUES and (not isinstance(shape[0], int) or shape[0] <= MOST_ROWS)
