"""How what an integer detector gives is read: families that find boxes and scores as they are."""

from __future__ import annotations

from copy import copy
from typing import ClassVar, Self

import numpy as np

from detquant.errors import ModelError
from detquant.families import Detections, Family, Geometry
from detquant.families.signature import Outputs, Signature
from detquant.numerics.arrays import Floats

BOXES, SCORES, CLASSES, LEFT_OUT = "boxes", "scores", "classes", "left_out"


class AsComputed(Family):
    """Boxes [cells, 4] and scores [cells, classes] that stand in the outputs; suppression is to come."""

    name = "as-computed"
    output_count: ClassVar[int] = 2

    @classmethod
    def like(cls, family: Family) -> Self:
        """One with another family's input, classes and limits."""
        made = cls(input_name=family.input_name, height=family.height, width=family.width, classes=copy(family.classes))
        made.form, made.adapted, made.fed = family.form, family.adapted, family.fed
        made.nms_iou, made.max_detections = family.nms_iou, family.max_detections
        made.told, made.names_supposed = family.told, family.names_supposed
        return made

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The outputs, in words."""
        return "boxes [cells, 4] and scores [cells, classes]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """None: it is made from another family, never found by shapes."""
        return None

    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes]."""
        return np.asarray(outputs[SCORES], np.float32)

    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in input pixels."""
        return np.asarray(outputs[BOXES], np.float32)


class AsFound(AsComputed):
    """Boxes [n, 4], scores [n] and classes [n] of what was found, best first; nothing is left to suppress.

    A fourth output is the number of candidates for which the detector's memory had no place.

    Its overlap is the one by which they were suppressed.
    """

    name = "as-found"
    output_count: ClassVar[int] = 4
    ranked = True

    def scores(self, outputs: Outputs) -> Floats:
        """Scores [n, classes]: that of the row's class, 0 elsewhere."""
        found = np.zeros((len(outputs[SCORES]), self.num_classes), np.float32)
        found[np.arange(len(found)), outputs[CLASSES].astype(np.int64)] = outputs[SCORES]
        return found

    def decode(
        self,
        outputs: Outputs,
        geometry: Geometry,
        confidence: float = 0.001,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Detections:
        """Detections on the image, best first; those without area inside the image are dropped.

        Args:
            outputs: by name.
            geometry: from `preprocess` of the image.
            confidence: detections must score more than this, and than what the detector asked of its candidates.
            iou: None, or the overlap by which they were suppressed.
            max_detections: how many to keep; None for all.

        Raises:
            ModelError: another overlap is asked for.
        """
        if iou is not None and iou != self.nms_iou:
            raise ModelError(
                f"An IoU of {iou} is asked for, and boxes were suppressed by {self.nms_iou} in whole numbers: make the "
                f"integer detector with the one that is meant."
            )
        boxes = geometry.to_image(self.boxes(outputs))
        found = Detections(boxes, outputs[SCORES], outputs[CLASSES])
        found = found.select(np.flatnonzero(found.confidence > confidence)[:max_detections])
        return found.select(np.asarray((found.xyxy[:, 2:] > found.xyxy[:, :2]).all(axis=1)))
