"""Positions that count more: where the float model sees something.

Most of a picture is background, and least squares would spend the codes on it. So the positions inside the boxes that
the float model finds weigh as much together as all others do, up to `MOST` times as much each. A layer's map is laid
over the image, whatever its size. Classifiers, and layers that give no map, have no such positions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detquant.algorithms.damage import MOST as MOST_BOXES
from detquant.algorithms.damage import SURE, Heads
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.map_forms import MapForm
from detquant.numerics.arrays import Array, Floats, Ints

MOST = 4.0


class Importance:
    """Weights of positions, by what the float model gives for each image.

    Args:
        heads: reads the outputs; None where they are not known.
        size: rows and columns of the image that the network is given; None where it is given none.
    """

    def __init__(self, heads: Heads | None, size: tuple[int, int] | None) -> None:
        self._heads, self._size = heads if size else None, size
        self._boxes = dict[int, Floats]()

    def see(self, image: int, outputs: Mapping[str, Array]) -> None:
        """Takes down what the float model sees on an image, named by its place."""
        if self._heads is None:
            return
        best = self._heads.scores(outputs).max(axis=1)
        order = np.argsort(-best, kind="stable")[:MOST_BOXES]
        self._boxes[image] = self._heads.boxes(outputs)[order[best[order] >= SURE]]

    def weights(self, form: LayerForm, positions: Ints, image: int) -> Floats:
        """The weight of each position of a layer's output on an image, ``[P]``; 1 on average."""
        boxes = self._boxes.get(image)
        if boxes is None or self._size is None or not isinstance(form, MapForm) or not len(boxes):
            return np.ones(len(positions), np.float32)
        inside = _inside(boxes, self._size, form.size)[positions]
        share = float(inside.mean())
        if share in (0.0, 1.0):
            return np.ones(len(positions), np.float32)
        weights = np.where(inside, min(max((1 - share) / share, 1.0), MOST), 1.0)
        return np.asarray(weights / weights.mean(), np.float32)


def _inside(boxes: Floats, image: tuple[int, int], size: tuple[int, int]) -> Array:
    """Which cells of a map, row by row, lie inside a box or touch it."""
    marks = np.zeros(size, bool)
    (height, width), (rows, columns) = image, size
    for left, top, right, bottom in boxes * np.array([columns / width, rows / height] * 2):
        marks[max(int(top), 0) : max(int(np.ceil(bottom)), 0), max(int(left), 0) : max(int(np.ceil(right)), 0)] = True
    return marks.reshape(-1)
