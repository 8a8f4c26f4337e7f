"""Whether the float model finds the objects that labels tell: where it does not, they are not these images'.

An object is found where a cell says its class with a score of `LEAST_SCORE` at least, and a box that overlaps it by
half. That is generous, since a small network may see poorly, and boxes of other images are met by chance alone.
"""

from __future__ import annotations

import numpy as np

from detquant.algorithms.damage import Heads, Outputs, paired_iou
from detquant.data.objects import Objects

LEAST_SCORE, LEAST_OVERLAP = 0.1, 0.5


class Agreement:
    """Counts the objects that the float model finds, image after image.

    Args:
        heads: reads its outputs.
    """

    def __init__(self, heads: Heads) -> None:
        self._heads, self._found, self._objects = heads, 0, 0

    def see(self, outputs: Outputs, objects: Objects | None) -> None:
        """One more image.

        Args:
            outputs: what the float model gives for it.
            objects: in pixels of the network's input; None where they are not known.
        """
        if objects is None:
            return
        scores, boxes = self._heads.scores(outputs), self._heads.boxes(outputs)
        for box, class_id in zip(objects.xyxy, objects.class_id.tolist(), strict=True):
            said = boxes[scores[:, class_id] >= LEAST_SCORE]
            self._found += bool((paired_iou(np.broadcast_to(box, said.shape), said) >= LEAST_OVERLAP).any())
        self._objects += len(objects.class_id)

    @property
    def share(self) -> float:
        """The share of objects that are found; 1 where there are none."""
        return self._found / self._objects if self._objects else 1.0
