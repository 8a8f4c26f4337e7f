"""What the four numbers of a box may mean, and how they become corners in pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from detquant.numerics.arrays import Floats

# exp(12) cells is wider than any image; a broken model may give more, which float32 would overflow.
LARGEST_LOG_SIZE = 12.0

Decoder = Callable[[Floats], Floats]


def from_centre(box: Floats) -> Floats:
    """Centre x, centre y, width, height [n, 4] as corners."""
    centre, half = box[:, :2], box[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _from_corner_and_size(box: Floats) -> Floats:
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)


PLAIN: Mapping[str, Decoder] = {
    "cxcywh": from_centre,
    "xyxy": lambda box: box,
    "xywh": _from_corner_and_size,
    "yxyx": lambda box: box[:, [1, 0, 3, 2]],
}
"""Codings that need no cells, by their word."""


def from_grid(box: Floats, place: Floats, stride: Floats) -> Floats:
    """YOLOX's coding: centre (p + cell) * stride, size exp(p) * stride.

    Args:
        box: p [n, 4].
        place: column and row of each cell, [n, 2].
        stride: stride of each cell, [n, 1].

    Returns:
        xyxy [n, 4] in pixels of the network input.
    """
    centre = (box[:, :2] + place) * stride
    half = np.exp(np.minimum(box[:, 2:], LARGEST_LOG_SIZE)) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def from_distances(box: Floats, place: Floats, stride: Floats) -> Floats:
    """YOLOv8's distances left, top, right, bottom from the middle of the cell, in cells; arguments as above."""
    centre = place + np.float32(0.5)
    return np.concatenate([centre - box[:, :2], centre + box[:, 2:]], axis=1) * stride


OF_CELLS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {"grid": from_grid, "ltrb": from_distances}
"""Codings relative to cells, by their word."""
