"""Whether the float model and the labels tell of the same objects: where they do not, they are not these images'.

1. An object is found where a cell says its class with a score of `LEAST_SCORE` at least, and a box that overlaps it by
   half. That is generous, since a small network may see poorly, and boxes of other images are met by chance alone.
2. What a cell is sure of, with a score of `SURE`, is labelled where an object of its class overlaps its box by half:
   labels that leave most of this out would teach that it is not there.
"""

from __future__ import annotations

import numpy as np

from detquant.algorithms.damage import Heads, Outputs, paired_iou
from detquant.data.objects import Objects

LEAST_SCORE, SURE, LEAST_OVERLAP = 0.1, 0.5, 0.5


class Agreement:
    """Counts the objects that the float model finds, image after image.

    Args:
        heads: reads its outputs.
    """

    def __init__(self, heads: Heads) -> None:
        self._heads, self._found, self._objects = heads, 0, 0
        self._labelled, self._sure = 0, 0

    def see(self, outputs: Outputs, objects: Objects | None) -> None:
        """One more image.

        Args:
            outputs: what the float model gives for it.
            objects: in pixels of the network's input; None where they are not known.
        """
        if objects is None:
            return
        scores, boxes = self._heads.scores(outputs), self._heads.boxes(outputs)
        sure = scores >= SURE
        labelled = np.zeros_like(sure)
        for box, class_id in zip(objects.xyxy, objects.class_id.tolist(), strict=True):
            near = paired_iou(np.broadcast_to(box, boxes.shape), boxes) >= LEAST_OVERLAP
            self._found += bool((near & (scores[:, class_id] >= LEAST_SCORE)).any())
            labelled[:, class_id] |= near
        self._objects += len(objects.class_id)
        self._sure += int(sure.sum())
        self._labelled += int((sure & labelled).sum())

    @property
    def share(self) -> float:
        """The share of objects that are found, or of what the model is sure of that is labelled, if that is less."""
        pairs = ((self._found, self._objects), (self._labelled, self._sure))
        return min((part / whole for part, whole in pairs if whole), default=1.0)
