"""SSD of TensorFlow with its post-processing in the graph: boxes, classes, scores and their number come out.

The boxes are ymin, xmin, ymax, xmax in parts of the image; the graph has done NMS. The shapes leave three things open:

1. which of the two [1, n] outputs are the classes, see `labels_apart`; where neither names nor values tell, it is the
   first of the two, as in TFLite_Detection_PostProcess, unless one of them stands before the boxes: that one are the
   scores, as TensorFlow 2 sorts them;
2. whether classes count from 1 (`detection_classes` of the Object Detection API) or from 0 (all else, as TFLite has
   it); `detquant.label_base` in the metadata, "0" or "1", overrules;
3. how many classes there are: as many as the metadata names, else COCO's 80. Of 80 the labels are COCO's ids, which
   have holes; of any other number there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from detquant.families._base import Family
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.coco_ids import HIGHEST_ID, ids_of_classes
from detquant.families.labels_apart import labels_and_scores, labels_entry
from detquant.families.reading import INPUT_KINDS, Reading
from detquant.families.signature import Outputs, Signature, is_dynamic
from detquant.families.tf_input import RANGE_KEY, input_range, tf_form
from detquant.families.told_by_values import LARGEST_PART
from detquant.numerics.arrays import Floats, Ints

BASE_KEY = "detquant.label_base"
XY_FROM_YX = (1, 0, 3, 2)


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the outputs, by what they hold."""

    boxes: str
    classes: str
    scores: str
    count: str


class SSDPostprocessed(Family):
    """RGB -1 to 1, stretched; boxes [1, n, 4], classes [1, n], scores [1, n], their number [1]."""

    name = "ssd-postprocessed"
    mark = "whose boxes are in parts of the input"
    output_count = 4
    takes = (*INPUT_KINDS, "labels", "classes")
    nms_iou = 1.0  # the graph has done NMS, and no IoU is above 1
    max_detections = 100
    input_key = RANGE_KEY
    ranked = True
    counts_names = True
    roles: Roles
    label_base: int
    class_of_label: Ints

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, how the input is scaled, and what number the first class has."""
        roles = find_roles(signature)
        assert roles is not None, "count_classes has found them"
        self.form, self.roles = tf_form(signature), roles
        self.label_base = _label_base(signature, roles)
        self.class_of_label = _classes_by_label(self.num_classes, self.label_base)

    @property
    def reading(self) -> Reading:
        """How images go in and outputs are read, in words."""
        return {"labels": f"from-{self.label_base}", **super().reading}

    def read_as(self, reading: Reading) -> Self:
        """A copy of the family that is fed and read as the words say."""
        changed = super().read_as(reading)
        if "labels" in reading:
            changed.label_base = int(reading["labels"] == "from-1")
            changed.class_of_label = _classes_by_label(self.num_classes, changed.label_base)
        return changed

    def facts(self) -> dict[str, str]:
        """Input range, number of the first class, which output has the classes: for graphs that tell them no more."""
        named = labels_entry(self.roles.classes, self.roles.scores)
        return {**input_range(self.form), BASE_KEY: str(self.label_base), **named}

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return "boxes [1, n, 4], classes [1, n], scores [1, n] and their number [1]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the shapes are not this family's."""
        said = signature.metadata.get("detquant.family") == cls.name
        if find_roles(signature) is None or (not said and are_of_tensorrt(signature)):
            return None
        return len(written_names(signature.metadata) or COCO_NAMES)

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere and in rows that hold nothing."""
        label, score, count = (
            np.nan_to_num(np.asarray(outputs[name], np.float64).reshape(-1))
            for name in (self.roles.classes, self.roles.scores, self.roles.count)
        )
        known = np.clip(label, -1, len(self.class_of_label) - 1).astype(np.int64)
        classes = np.where(known == label, self.class_of_label[known], -1)
        rows = np.flatnonzero((classes >= 0) & (np.arange(len(score)) < count.max(initial=0)))
        found = np.zeros((len(score), self.num_classes), np.float32)
        found[rows, classes[rows]] = score[rows]
        return found

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [n, 4] as xyxy in input pixels."""
        parts = np.asarray(outputs[self.roles.boxes], np.float32).reshape(-1, 4)[:, XY_FROM_YX]
        return parts * np.array([self.width, self.height] * 2, np.float32)


def find_roles(signature: Signature) -> Roles | None:
    """Finds out which output is which (case 1); None if the shapes are others."""
    shapes = signature.outputs
    if len(shapes) != 4 or any(is_dynamic(shape) for shape in shapes.values()):
        return None
    boxes = [name for name, shape in shapes.items() if len(shape) == 3 and shape[::2] == (1, 4)]
    count = [name for name, shape in shapes.items() if shape in ((), (1,), (1, 1))]
    rows = shapes[boxes[0]][1] if boxes else None
    pair = [name for name, shape in shapes.items() if shape == (1, rows) and name not in count[:1]]
    if len(boxes) != 1 or not count or len(pair) != 2:
        return None
    order = list(shapes)
    if order.index(pair[0]) < order.index(boxes[0]):
        pair.reverse()
    classes, scores = labels_and_scores(signature, *pair)
    return Roles(boxes[0], classes, scores, count[0])


def are_of_tensorrt(signature: Signature) -> bool:
    """Whether four outputs of what was found are as TensorRT's plug-ins give them, and not as TensorFlow does.

    So they are called, or the boxes are in pixels. TensorFlow, whose boxes begin with their top, has them in parts of
    the input; it calls its own ``nmsed_boxes`` too, and their number ``valid_detections``.
    """
    roles = find_roles(signature)
    if roles is None:
        return False
    if "num_dets" in signature.outputs or roles.boxes == "det_boxes":
        return True
    if {roles.boxes, roles.count} == {"nmsed_boxes", "num_detections"}:
        return True
    values = signature.values()
    return bool(values) and float(np.nan_to_num(values[roles.boxes]).max(initial=0)) > LARGEST_PART


def _label_base(signature: Signature, roles: Roles) -> int:
    """The number of the first class, 0 or 1 (case 2)."""
    said = signature.metadata.get(BASE_KEY, "")
    return int(said) if said in ("0", "1") else int("detection_classes" in roles.classes.lower())


def _classes_by_label(count: int, base: int) -> Ints:
    """The class_id of each label (case 3); -1 for holes and, at the end, for all that is out of range."""
    slots = HIGHEST_ID if count == len(COCO_NAMES) else count
    table = np.full(slots + base + 1, -1, np.int64)
    table[ids_of_classes(count, slots) - 1 + base] = np.arange(count)
    return table
