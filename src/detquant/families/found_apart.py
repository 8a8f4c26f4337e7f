"""What was found, in several outputs: suppression in the graph, boxes, scores and classes apart.

- ``efficient-nms``: how many were found [1, 1], boxes [1, n, 4], scores [1, n], classes [1, n]. TensorRT's plug-in
  EfficientNMS has this form, and so have the exporters that write it: YOLOv7 (``--end2end``), YOLOv6, Gold-YOLO,
  MMYOLO, PaddleYOLO. Its elder, BatchedNMS, has it too, with outputs called nmsed_boxes and num_detections, and boxes
  that may be in parts of the input. TensorFlow's detectors have it as well (`ssd_postprocessed`), with boxes in parts
  of the input, their top first: the names of the outputs or their values tell which it is.
- ``dets-labels``: boxes and scores [1, n, 5], classes [1, n], as MMDeploy writes RTMDet and all else of MMDetection.
"""

from __future__ import annotations

import numpy as np

from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.end_to_end import MOST_ROWS, EndToEnd
from detquant.families.input_form import WholeImage
from detquant.families.labels_apart import labels_entry
from detquant.families.nanodet import MEAN_BGR, STD_BGR
from detquant.families.signature import Outputs, Shape, Signature
from detquant.families.ssd_postprocessed import Roles, are_of_tensorrt, find_roles
from detquant.numerics.arrays import Floats

_DETS, _LABELS = 5, 2


class EfficientNMS(EndToEnd):
    """RGB 0-1, centred letterbox; their number, boxes as x1 y1 x2 y2, scores and classes apart."""

    name = "efficient-nms"
    mark = "whose boxes are in pixels, or whose outputs are called as TensorRT's plug-ins call theirs"
    output_count = 4
    roles: Roles

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, and the unit of the boxes."""
        roles = find_roles(signature)
        assert roles is not None, "count_classes has found them"
        self.roles = roles
        super().read_facts(signature)

    def facts(self) -> dict[str, str]:
        """Which output has the classes, for files that are made from this one, where names do not tell."""
        return labels_entry(self.roles.classes, self.roles.scores)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return "num_dets [1, 1], boxes [1, n, 4], scores [1, n] and classes [1, n]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the outputs are others."""
        said = signature.metadata.get("detquant.family") == cls.name
        if find_roles(signature) is None or not (said or are_of_tensorrt(signature)):
            return None
        return len(written_names(signature.metadata) or COCO_NAMES)

    def _rows(self, outputs: Outputs) -> Floats:
        boxes, scores, classes, count = (
            np.asarray(outputs[name], np.float32)
            for name in (self.roles.boxes, self.roles.scores, self.roles.classes, self.roles.count)
        )
        found = np.arange(scores.size) < np.nan_to_num(count).max(initial=0)
        score = np.where(found, scores.reshape(-1), 0)
        return np.concatenate([boxes.reshape(-1, 4), score[:, None], classes.reshape(-1, 1)], axis=1)


class DetsLabels(EndToEnd):
    """BGR normalised, letterbox top left (RTMDet's); boxes x1 y1 x2 y2 in input pixels with a score, and classes."""

    name = "dets-labels"
    output_count = 2
    form = WholeImage(rgb=False, resize="letterbox-top-left", mean=MEAN_BGR, std=STD_BGR)
    dets: str
    labels: str

    def read_facts(self, signature: Signature) -> None:
        """Which output is which, and the unit of the boxes."""
        found = find_dets(signature)
        assert found is not None, "count_classes has found them"
        self.dets, self.labels = found
        super().read_facts(signature)

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""
        return "dets [1, n, 5]: left, top, right, bottom, score; and labels [1, n]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes that the metadata names, else COCO's; None if the outputs are others."""
        return len(written_names(signature.metadata) or COCO_NAMES) if find_dets(signature) else None

    def _rows(self, outputs: Outputs) -> Floats:
        dets = np.asarray(outputs[self.dets], np.float32).reshape(-1, _DETS)
        labels = np.asarray(outputs[self.labels], np.float32).reshape(-1, 1)
        return np.concatenate([dets, labels], axis=1)


def find_dets(signature: Signature) -> tuple[str, str] | None:
    """Names of the outputs with the boxes and with the classes; None if the outputs are others."""
    if len(signature.outputs) != _LABELS:
        return None
    dets = [name for name, shape in signature.outputs.items() if _are_dets(shape)]
    labels = [name for name, shape in signature.outputs.items() if len(shape) == _LABELS and shape[0] == 1]
    if len(dets) != 1 or len(labels) != 1:
        return None
    rows = signature.outputs[dets[0]][1], signature.outputs[labels[0]][1]
    fixed = [one for one in rows if isinstance(one, int)]
    return (dets[0], labels[0]) if len(set(fixed)) <= 1 and max(fixed, default=0) <= MOST_ROWS else None


def _are_dets(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] == 1 and shape[2] == _DETS
