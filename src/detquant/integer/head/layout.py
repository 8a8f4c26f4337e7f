"""Which of a network's maps hold distances and which class logits, told by what the graph does with them.

YOLOv8's head gives, for each stride, one map of 4 B channels (logits of B bins for left, top, right, bottom) and one
with a channel for each class. Shapes suggest which is which, and numbers decide: maps of random logits are decoded both
as that head is meant and by the graph's own decoding, read as the family reads it. Only where boxes and scores agree is
it such a head; so exports of other forms with the same arithmetic are known, and those that only look alike are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from detquant.errors import ModelError, UnsupportedOperator
from detquant.families import Family
from detquant.families.grid import cells
from detquant.families.logits import sigmoid, softmax
from detquant.graph.running import OrtRunner
from detquant.integer.head.corners import LARGEST_SIDE
from detquant.numerics.arrays import Array, Floats

Shape = tuple[int, ...]
SIDES, MOST_BINS = 4, 64
SPREAD, SEED = 2.0, 0
PIXELS, CHANCE = 0.05, 1e-3
"""By how much boxes and scores of random maps may differ from the graph's, which computes in float32."""


@dataclass(frozen=True, slots=True)
class Level:
    """The two maps of one stride.

    Attributes:
        distances: name of the map of distances, ``[1, 4 bins, rows, columns]``.
        scores: name of the map of class logits, ``[1, classes, rows, columns]``.
        stride: pixels of a cell.
        rows: cells from top to bottom.
        columns: cells from left to right.
    """

    distances: str
    scores: str
    stride: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The maps of a head of YOLOv8's kind.

    Attributes:
        levels: finest first.
        bins: bins of each distance.
        classes: number of classes.
        height: height of the network input, pixels.
        width: width of the network input, pixels.
    """

    levels: tuple[Level, ...]
    bins: int
    classes: int
    height: int
    width: int

    @property
    def cells(self) -> int:
        """Cells of all maps."""
        return sum(level.rows * level.columns for level in self.levels)


def find_layout(shapes: Mapping[str, Shape], decode: OrtRunner | None, family: Family) -> Layout:
    """The layout of a network's outputs.

    Args:
        shapes: shapes of the network's outputs, by name.
        decode: the graph's own decoding of their real values.
        family: reads what it gives.

    Raises:
        UnsupportedOperator: it is no head of YOLOv8's kind, or the input is larger than corners can tell.
    """
    if max(family.height, family.width) > LARGEST_SIDE:
        raise UnsupportedOperator(
            f"The input is {family.height}x{family.width}, and boxes in whole numbers reach to {LARGEST_SIDE} pixels: "
            f"choose a smaller --imgsz, or leave the last layers and the suppression in float."
        )
    guesses = list(_guesses(shapes, family))
    for guess in guesses:
        if decode is not None and _agrees(guess, shapes, decode, family):
            return guess
    found = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
    why = "its decoding computes something else of them" if guesses else "these are no such maps"
    raise UnsupportedOperator(
        f"The model's last part has no counterpart in whole numbers: a head of YOLOv8's kind has, for each stride, a "
        f"map of distances (4 sides of 2 to {MOST_BINS} bins, softmax) and one of logits of {family.num_classes} "
        f"classes; found {found}, and {why}. Leave the last layers and the suppression in float; where the heads "
        f'themselves run in float, choose a recipe with head = "int".'
    )


def _guesses(shapes: Mapping[str, Shape], family: Family) -> Iterator[Layout]:
    """The layouts that the shapes allow: two where there are as many classes as channels of distances."""
    maps = {name: shape for name, shape in shapes.items() if len(shape) == 4 and shape[0] == 1}
    by_size: dict[Shape, list[str]] = {}
    for name, shape in maps.items():
        by_size.setdefault(shape[2:], []).append(name)
    if not by_size or len(maps) < len(shapes) or any(len(names) != 2 for names in by_size.values()):
        return
    for place in (0, 1):
        levels = [_level(size, names[place], names[1 - place], family) for size, names in by_size.items()]
        known = [level for level in levels if level is not None]
        channels = {maps[level.distances][1] for level in known}
        classes = {maps[level.scores][1] for level in known}
        bins, rest = divmod(min(channels, default=0), SIDES)
        if len(known) < len(levels) or len(channels) > 1 or classes != {family.num_classes}:
            continue
        if not rest and 2 <= bins <= MOST_BINS:
            ordered = tuple(sorted(known, key=lambda level: level.stride))
            yield Layout(ordered, bins, family.num_classes, family.height, family.width)


def _level(size: Shape, distances: str, scores: str, family: Family) -> Level | None:
    """The level of two maps of a size; None where that is not the input's in cells of a power of two."""
    rows, columns = size
    for stride in (1 << k for k in range(1, 8)):
        if (rows, columns) == (-(-family.height // stride), -(-family.width // stride)):
            return Level(distances, scores, stride, rows, columns)
    return None


def _agrees(layout: Layout, shapes: Mapping[str, Shape], decode: OrtRunner, family: Family) -> bool:
    """Whether the graph decodes random maps as this layout does."""
    rng = np.random.default_rng(SEED)
    maps: dict[str, Array] = {name: rng.normal(0, SPREAD, shape).astype(np.float32) for name, shape in shapes.items()}
    if family.input_name in decode.input_names:
        maps[family.input_name] = np.zeros((1, 3, family.height, family.width), np.float32)
    boxes, scores = decoded(layout, maps)
    try:
        outputs = decode.run(maps)
        theirs = family.boxes(outputs), family.scores(outputs)
    except (ModelError, ValueError):  # its maps mean something else
        return False
    if theirs[0].shape != boxes.shape or theirs[1].shape != scores.shape:
        return False
    return bool(np.abs(theirs[0] - boxes).max() < PIXELS and np.abs(theirs[1] - scores).max() < CHANCE)


def decoded(layout: Layout, maps: Mapping[str, Array]) -> tuple[Floats, Floats]:
    """Boxes [cells, 4], xyxy in pixels of the input, and scores [cells, classes], in real numbers."""
    distances, logits = (
        np.concatenate([maps[name].reshape(maps[name].shape[1], -1).T for name in names])
        for names in ([level.distances for level in layout.levels], [level.scores for level in layout.levels])
    )
    chances = softmax(distances.reshape(-1, SIDES, layout.bins))
    sides = chances @ np.arange(layout.bins, dtype=np.float32)
    place, stride = cells(layout.height, layout.width, tuple(level.stride for level in layout.levels))
    ends = [place + 0.5 - sides[:, :2], place + 0.5 + sides[:, 2:]]
    return np.asarray(np.concatenate(ends, axis=1) * stride, np.float32), sigmoid(logits)
