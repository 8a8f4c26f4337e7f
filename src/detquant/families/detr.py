"""DETRs whose queries come out as they are: a box and the classes of each in two outputs, nothing suppressed.

So are RF-DETR's exports (outputs dets and labels), those of RT-DETR, D-FINE and DETR from Hugging Face (logits and
pred_boxes), and the heads of all of them cut before their post-processing. Boxes are centre and size in parts of the
input, whose sides are scaled each by itself; scores are logits of a sigmoid for each class (Zhao et al., DETRs Beat
YOLOs on Real-time Object Detection, 2023), or chances, as the values show.

1. Of 91 classes the numbers are COCO's ids, with their holes, as RF-DETR has them.
2. Of one class more than the metadata names, the last is none (RF-DETR when it is trained further).
3. 92 are DETR's own (Carion et al., 2020): COCO's ids, behind them none, and a softmax over all.
4. RF-DETR, whose outputs are called dets and labels, and DETR take ImageNet's means off their images. The others take 0
   to 1.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detquant.errors import ModelError
from detquant.families.box_coding import PLAIN
from detquant.families.boxes_scores import DAMOYOLO
from detquant.families.class_names import written_names
from detquant.families.coco_ids import ids_of_classes
from detquant.families.grid import count_cells
from detquant.families.input_form import WholeImage
from detquant.families.logits import sigmoid, softmax
from detquant.families.reading import INPUT_KINDS, Reading, written_reading
from detquant.families.shown_words import ReadByWords
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic, shapes_text
from detquant.families.ssd_mobilenet import SSDMobileNet
from detquant.families.ssd_raw import SSDRaw
from detquant.families.told_by_values import LARGEST_PART, scores_by_values
from detquant.families.ultraface import UltraFace
from detquant.numerics.arrays import Floats, Ints

BOX = 4
MOST_QUERIES = 1000
ANCHORS = 3
"""Anchors of a cell of a YOLOv5."""
COCO_SLOTS, DETR_SLOTS, COCO_CLASSES = 91, 92, 80
OF_ANCHORS = (SSDRaw, SSDMobileNet, UltraFace, DAMOYOLO)
"""Families of such outputs too, whose rows are as many as their anchors or cells."""
RF_DETR = {"dets", "labels"}
IMAGENET = WholeImage(rgb=True, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


class DETR(ReadByWords):
    """RGB 0-1, stretched; boxes [1, queries, 4] as cx cy w h in parts of the input, logits [1, queries, classes].

    Attributes:
        names: names of the outputs of boxes and of classes.
        columns: which of the outputs' classes are the model's, [classes].
        softmax: whether logits are of a softmax over all of them.
    """

    name = "detr"
    mark = "whose rows are queries: no more than a thousand, and not as many as anchors"
    output_count = 2
    nms_iou = 1.0  # queries do not repeat each other, and no IoU is above 1
    max_detections = 300
    form: WholeImage = WholeImage(rgb=True, std=(255.0,) * 3)
    takes = (*INPUT_KINDS, "boxes", "unit", "scores", "classes")
    usual: ClassVar[Reading] = {"boxes": "cxcywh", "unit": "parts", "scores": "logits"}
    ranked = True
    names: tuple[str, str]
    columns: Ints
    softmax: bool

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "boxes [1, queries, 4] and logits [1, queries, classes]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""
        names = _find_names(signature)
        said = signature.metadata.get("detquant.family") == cls.name
        if names is None or (not said and any(other.count_classes(signature) for other in OF_ANCHORS)):
            return None
        slots = int(signature.outputs[names[1]][2] or 0)
        return len(_columns(slots, written_names(signature.metadata)))

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, which classes count, and whether scores are logits, as their values show."""
        names = _find_names(signature)
        assert names is not None, "count_classes has found them"
        self.names = names
        _refuse_others(signature, names[0])
        self.columns = _columns(int(signature.outputs[names[1]][2] or 0), written_names(signature.metadata))
        self.softmax = int(signature.outputs[names[1]][2] or 0) == DETR_SLOTS and len(self.columns) == COCO_CLASSES
        self.form = IMAGENET if set(names) == RF_DETR or self.softmax else type(self).form
        values = signature.values()
        self.shown = {"scores": scores_by_values(np.asarray(values[names[1]]))} if values else {}

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [queries, classes], 0 to 1."""
        values = self._rows(outputs, self.names[1])
        if self.words["scores"] == "logits":
            values = softmax(values) if self.softmax else sigmoid(values)
        return np.asarray(values[:, self.columns])

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [queries, 4] as xyxy in input pixels."""
        return self.in_pixels(PLAIN[self.words["boxes"]](self._rows(outputs, self.names[0])))

    def fits(self, outputs: Outputs) -> bool:
        """Whether the scores lie where they are said to: chances within 0 and 1, logits beyond."""
        return self.words["scores"] == scores_by_values(self._rows(outputs, self.names[1]))

    def _rows(self, outputs: Outputs, name: str) -> Floats:
        array = np.asarray(outputs[name], np.float32)
        return array.reshape(array.shape[-2:])


def _find_names(signature: Signature) -> tuple[str, str] | None:
    """The names of boxes and classes; None where the outputs are others.

    Of two with 4 values a name tells, else that boxes lie within 0 and 1 and logits do not.
    """
    shapes = signature.outputs
    if len(shapes) != 2 or any(not _is_queries(shape) for shape in shapes.values()):
        return None
    if len({shape[1] for shape in shapes.values()}) != 1:
        return None
    boxes = [name for name, shape in shapes.items() if shape[2] == BOX]
    boxes.sort(key=lambda name: not ("box" in name.lower() or name == "dets"))
    if len(boxes) > 1 and not any("box" in name.lower() or name == "dets" for name in boxes):
        values = signature.values()
        boxes.sort(key=lambda name: name in values and scores_by_values(values[name]) == "logits")
    if not boxes:
        return None
    [classes] = shapes.keys() - {boxes[0]}
    return boxes[0], classes


def _refuse_others(signature: Signature, boxes: str) -> None:
    """Refuses outputs of these shapes that are hardly a DETR's, unless it was said that they are."""
    if "detquant.family" in signature.metadata:
        return
    _, height, width = signature.image_input()
    found, rows = shapes_text(signature.outputs), signature.outputs[boxes][1]
    if rows in [ANCHORS * count_cells(height, width, one) for one in DAMOYOLO.strides]:
        raise ModelError(
            f"The outputs {found} have the shapes of a DETR, but as many rows as a YOLOv5 or its kin has anchors for "
            f"{height}x{width}. Say --family detr for a DETR; export a YOLOv5 with one output [1, {rows}, 5 + classes]."
        )
    values = signature.values()
    largest = float(np.nan_to_num(np.abs(values[boxes])).max(initial=0)) if boxes in values else 0.0
    if largest > LARGEST_PART and "unit" not in written_reading(signature.metadata):
        raise ModelError(
            f"The outputs {found} have the shapes of a DETR, whose boxes are parts of the input, but '{boxes}' goes up "
            f"to {largest:.0f}. Say --reads pixels, and xyxy where they are corners, for a DETR in pixels, or --family "
            f"detr for one in parts; export any other detector with boxes and scores in one output."
        )


def _is_queries(shape: Shape) -> bool:
    return len(shape) == 3 and not is_dynamic(shape) and shape[0] == 1 and int(shape[1] or 0) <= MOST_QUERIES


def _columns(slots: int, named: tuple[str, ...] | None) -> Ints:
    """Which classes of the output are the model's (cases 1 to 3)."""
    if slots in (COCO_SLOTS, DETR_SLOTS) and len(named or range(COCO_CLASSES)) == COCO_CLASSES:
        return np.asarray(ids_of_classes(COCO_CLASSES, COCO_SLOTS - 1), np.int64)
    return np.arange(slots - 1 if named and len(named) == slots - 1 else slots)
