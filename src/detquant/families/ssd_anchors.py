"""The anchors of SSD (Liu et al., 2016, section 2.2), as TensorFlow's and NVIDIA's detectors lay them out."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from detquant.families.grid import map_sizes
from detquant.numerics.arrays import Floats

# ssd_anchor_generator of ssd_mobilenet_v1_coco.config (TensorFlow Object Detection API)
LAYERS = 6
FINEST_STRIDE = 16
MIN_SCALE, MAX_SCALE, LOWEST_SCALE = 0.2, 0.95, 0.1
ASPECT_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
LOWEST_RATIOS = (1.0, 2.0, 0.5)

# dboxes300_coco() of NVIDIA's DeepLearningExamples, PyTorch/Detection/SSD
SIDE = 300
MAPS = (38, 19, 10, 5, 3, 1)
STEPS = (8, 16, 32, 64, 100, 300)
SIZES = (21, 45, 99, 153, 207, 261, 315)
RATIOS: tuple[tuple[int, ...], ...] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))


def count_grid_anchors(height: int, width: int) -> int:
    """How many anchors `grid_anchors` gives for an input of this size, pixels."""
    shapes = _layer_shapes()
    return sum(rows * columns * len(shapes[layer]) for layer, (rows, columns) in enumerate(_maps(height, width)))


@lru_cache(maxsize=8)
def grid_anchors(height: int, width: int) -> Floats:
    """Anchors as TensorFlow's `create_ssd_anchors` and `MultipleGridAnchorGenerator` make them.

    Six maps, each half as large as the one before; layer by layer, in it row by row, in a cell one after the other.
    A scale is a part of the shorter side. The first layer has three anchors, of scales 0.1, 0.2, 0.2; a further one
    has five of its scale, by aspect ratio, and a square of the geometric mean of its scale and the next.

    Args:
        height: height of the network input, pixels.
        width: width of the network input, pixels.

    Returns:
        Centre x, centre y, width, height [anchors, 4] in pixels; read-only, shared between calls.
    """
    layers = []
    for (rows, columns), shapes in zip(_maps(height, width), _layer_shapes(), strict=True):
        row, column = np.mgrid[:rows, :columns] + 0.5
        centres = np.stack([column * width / columns, row * height / rows], axis=-1).reshape(-1, 1, 2)
        sizes = np.array(shapes).reshape(1, -1, 2) * min(height, width)
        cells, anchors = len(centres), len(shapes)
        pair = [np.broadcast_to(part, (cells, anchors, 2)) for part in (centres, sizes)]
        layers.append(np.concatenate(pair, axis=2).reshape(-1, 4))
    return _frozen(np.concatenate(layers))


def _maps(height: int, width: int) -> list[tuple[int, int]]:
    return map_sizes(height, width, tuple(FINEST_STRIDE << layer for layer in range(LAYERS)))


def _layer_shapes() -> list[list[tuple[float, float]]]:
    """(width, height) of the anchors of a cell, in parts of the shorter side, layer by layer."""
    steps = [MIN_SCALE + (MAX_SCALE - MIN_SCALE) * layer / (LAYERS - 1) for layer in range(LAYERS)] + [1.0]
    shapes = [
        [_shape(scale, ratio) for scale, ratio in zip((LOWEST_SCALE, *steps[:1] * 2), LOWEST_RATIOS, strict=True)]
    ]
    for scale, above in itertools.pairwise(steps[1:]):
        shapes.append([*(_shape(scale, ratio) for ratio in ASPECT_RATIOS), _shape(math.sqrt(scale * above), 1.0)])
    return shapes


def _shape(scale: float, ratio: float) -> tuple[float, float]:
    return scale * math.sqrt(ratio), scale / math.sqrt(ratio)


@lru_cache(maxsize=1)
def default_boxes() -> Floats:
    """The default boxes of NVIDIA's SSD300, as its `DefaultBoxes` makes them.

    Map by map; in it anchor by anchor, and of an anchor cell by cell: the order of the channels of a convolution. An
    anchor is a square of the map's size, a square of the geometric mean with the next, or for each aspect ratio a flat
    and an upright one. All four numbers are held between 0 and 1 of the input.

    Returns:
        Centre x, centre y, width, height [8732, 4] in pixels; read-only, shared between calls.
    """
    layers = []
    for cells, step, (size, above), ratios in zip(MAPS, STEPS, itertools.pairwise(SIZES), RATIOS, strict=True):
        mean = math.sqrt(size * above)
        shapes = [(float(size), float(size)), (mean, mean)]
        for ratio in ratios:
            flat = _shape(size, ratio)
            shapes += [flat, flat[::-1]]
        y, x = (np.mgrid[:cells, :cells].reshape(2, -1) + 0.5) * step
        for width, height in shapes:
            layers.append(np.stack([x, y, np.full_like(x, width), np.full_like(x, height)], axis=1))
    return _frozen(np.clip(np.concatenate(layers), 0, SIDE))


def _frozen(anchors: npt.NDArray[np.float64]) -> Floats:
    frozen = anchors.astype(np.float32)
    frozen.flags.writeable = False
    return frozen
