"""The cells of a detector's strided maps, and boxes told as distances from them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from detquant.numerics.arrays import Floats

SIDES = 4


def map_sizes(height: int, width: int, strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """(rows, columns) of the map of each stride; a part of a cell at the edge counts as one."""
    return [(-(-height // stride), -(-width // stride)) for stride in strides]


def count_cells(height: int, width: int, strides: tuple[int, ...]) -> int:
    """Cells of all maps together."""
    return sum(rows * columns for rows, columns in map_sizes(height, width, strides))


@lru_cache(maxsize=16)
def cells(height: int, width: int, strides: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The cells of all maps, fine to coarse, row by row.

    Returns:
        Column and row of each cell [n, 2], and its stride [n, 1]; read-only, shared between calls.
    """
    places, steps = [], []
    for (rows, columns), stride in zip(map_sizes(height, width, strides), strides, strict=True):
        y, x = np.mgrid[:rows, :columns]
        places.append(np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32))
        steps.append(np.full((rows * columns, 1), stride, np.float32))
    place, step = np.concatenate(places), np.concatenate(steps)
    place.flags.writeable = step.flags.writeable = False
    return place, step


def distance_boxes(distribution: Floats, centre: Floats, stride: Floats) -> Floats:
    """Boxes from distributions over 0, 1, 2, ... cells to each side (generalised focal loss, Li 2020, eq. 5-6).

    Args:
        distribution: logits [n, 4 * bins], the sides left, top, right, bottom with as many bins each.
        centre: x and y of each cell's point in input pixels, [n, 2].
        stride: stride of each cell, [n, 1].

    Returns:
        xyxy [n, 4] in input pixels.
    """
    bins = distribution.reshape(len(distribution), SIDES, -1)
    weight = np.exp(bins - bins.max(axis=2, keepdims=True))
    distance = weight @ np.arange(bins.shape[2], dtype=np.float32) / weight.sum(axis=2) * stride
    return np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], axis=1)
