"""Rotated boxes of YOLOv8, YOLO11 and their kin (Ultralytics' task "obb"): YOLOv8's rows with an angle behind the
classes.

Data sets of upright boxes cannot tell whether an angle is right, so what is scored are the upright hulls of the rotated
boxes, and labels of four corners are read as theirs; suppression is of the rotated boxes themselves (`rotated`). The
same holds for the quantised model and the float one, so their difference is one of hulls too.
"""

from __future__ import annotations

import numpy as np

from detquant.families._base import Detections
from detquant.families.besides import ROTATED
from detquant.families.box_rows import BOX, Way
from detquant.families.geometry import Geometry
from detquant.families.rotated import hulls, rotated_nms
from detquant.families.signature import Outputs, Signature
from detquant.families.told_by_values import OUTSIDE
from detquant.families.yolov8 import YOLOv8
from detquant.numerics.arrays import Floats

LEAST, LARGEST = -0.25 * np.pi, 0.75 * np.pi
"""Bounds of an angle: (sigmoid - 1/4) pi, and what rounding adds."""


class YOLOv8OBB(YOLOv8):
    """RGB 0-1, centred letterbox; [1, 5 + classes, cells] or turned: cx cy w h in input pixels, class scores, angle."""

    name = "yolov8-obb"
    mark = "whose last value is an angle"
    rotated = True

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return f"{super().expected(height, width).replace('4 + classes', '4 + classes + 1')}, the last value an angle"

    @classmethod
    def find_rows(cls, signature: Signature) -> Way | None:
        """Finds rows as YOLOv8 has them, where the file says that they are rotated, or the last value is an angle."""
        task = signature.metadata.get("task")
        said = signature.metadata.get("detquant.family") == cls.name or task == ROTATED
        ways = cls.ways(signature)
        if not ways or not (said or (task is None and holds_angles(signature, ways[0]))):
            return None
        return ways[0]

    def angles(self, outputs: Outputs) -> Floats:
        """The angle of each row, [rows], radians."""
        return self._rows_with_angle(outputs)[:, -1]

    def boxes(self, outputs: Outputs) -> Floats:
        """The upright hulls of the boxes, [rows, 4] as xyxy in input pixels."""
        return hulls(self._upright(outputs), self.angles(outputs))

    def decode(
        self,
        outputs: Outputs,
        geometry: Geometry,
        confidence: float = 0.001,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Detections:
        """Turns raw outputs into detections: threshold, suppression of rotated boxes, hulls back onto the image.

        Args:
            outputs: as for `Family.decode`, and so are the others.
            geometry: from `preprocess` of that image.
            confidence: candidates must score more than this.
            iou: NMS threshold; None for the family's own.
            max_detections: boxes to keep; None for the family's own.
        """
        scores, boxes, angle = self.scores(outputs), self._upright(outputs), self.angles(outputs)
        cell, class_id = rotated_nms(
            boxes,
            angle,
            scores,
            confidence=confidence,
            iou=self.nms_iou if iou is None else iou,
            limit=self.max_detections if max_detections is None else max_detections,
        )
        found = geometry.to_image(hulls(boxes[cell], angle[cell]))
        kept = Detections(found, scores[cell, class_id], class_id)
        return kept.select(np.asarray((kept.xyxy[:, 2:] > kept.xyxy[:, :2]).all(axis=1)))

    def _upright(self, outputs: Outputs) -> Floats:
        """Centre and size of the boxes before they are turned, [rows, 4] in input pixels."""
        xyxy = super().boxes(outputs)
        return np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1)

    def _matrix(self, outputs: Outputs) -> Floats:
        """The output as [rows, values], but for the angle."""
        return self._rows_with_angle(outputs)[:, :-1]

    def _rows_with_angle(self, outputs: Outputs) -> Floats:
        matrix = np.asarray(self.scored_output(outputs), np.float32)
        values = self._values() + 1
        return matrix.reshape(-1, values) if self.turned else matrix.reshape(values, -1).T


def holds_angles(signature: Signature, way: Way) -> bool:
    """Whether the last values of the rows are angles: below 0 or above 1, and all others behind the box are chances."""
    rows, values, turned = way
    for output in signature.values().values():
        array = np.asarray(output, np.float32)
        matrix = array.reshape(rows, values) if turned else array.reshape(values, rows).T
        scores, last = matrix[:, BOX:-1], matrix[:, -1]
        if not scores.size or not np.isfinite(matrix).all():
            return False
        chances = bool(((scores >= -OUTSIDE) & (scores <= 1 + OUTSIDE)).all())
        beyond = last.min() < -OUTSIDE or last.max() > 1 + OUTSIDE
        return chances and beyond and last.min() >= LEAST - OUTSIDE and last.max() <= LARGEST + OUTSIDE
    return False
