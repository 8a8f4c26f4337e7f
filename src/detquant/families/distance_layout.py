"""Where distances and class scores stand in the raw maps of a detector without anchors.

Heads that leave decoding to others give for each stride, and each cell of it, four distances to the sides of the box
(or a distribution of each over n bins, 4 n numbers) and a score for each class. They lie

1. apart: two maps a stride, [1, 4 n, rows, columns] and [1, classes, rows, columns];
2. apart with a third map [1, 1, rows, columns] of their sum or of the best of them, by which boards pass cells over
   (Rockchip's exporters): it is left out here;
3. joined in one map a stride, either part first.

Channels may also come last, as TensorFlow has them. Strides follow from the sizes of the maps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detquant.families.class_names import written_names
from detquant.families.grid import SIDES, map_sizes
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.told_by_values import scores_by_values
from detquant.numerics.arrays import Floats

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""Strides that such heads have; the first are the usual ones."""
_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Part:
    """Channels of an output, from the first to before the last."""

    output: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceLayout:
    """Which channels of which output hold what.

    Attributes:
        strides: strides of the maps, fine to coarse.
        boxes: distances of each stride, or their distributions.
        classes: scores of each stride.
        bins: bins of a distribution; 1 where there are plain distances.
        channels_last: whether maps are [1, rows, columns, channels].
    """

    strides: tuple[int, ...]
    boxes: tuple[Part, ...]
    classes: tuple[Part, ...]
    bins: int
    channels_last: bool

    @property
    def count(self) -> int:
        """How many channels the classes have."""
        return self.classes[0].last - self.classes[0].first

    def rows(self, outputs: Outputs, parts: Sequence[Part]) -> Floats:
        """The cells of all maps, fine to coarse, row by row: [cells, channels of a part]."""
        return np.concatenate([self._rows(outputs, part) for part in parts])

    def _rows(self, outputs: Outputs, part: Part) -> Floats:
        array = np.asarray(outputs[part.output], np.float32)
        cells = array.reshape(-1, array.shape[-1]) if self.channels_last else array.reshape(array.shape[1], -1).T
        return cells[:, part.first : part.last]


Level = list[tuple[str, int]]
"""The maps of a stride: name and channels of each, in the order of the graph."""


def find_distances(
    signature: Signature, bins: Sequence[int], *, joined: int = 0, boxes_first: bool = True
) -> DistanceLayout | None:
    """Finds distances and class scores.

    Args:
        signature: signature of the model.
        bins: how many bins the distributions of a side may have; 1 for plain distances.
        joined: bins where both are in one map; 0 where that is not taken.
        boxes_first: whether the distances come first, in one map, and where nothing else tells which map is which.

    Returns:
        The layout; None where the outputs are others.
    """
    for channels_last in (False, True):
        strides, levels = _levels(signature, channels_last=channels_last)
        if not levels:
            continue
        if len(levels[0]) == 1:
            return _joined(strides, levels, joined, boxes_first=boxes_first, channels_last=channels_last)
        pairs = [_pair(signature, level, bins, boxes_first=boxes_first) for level in levels]
        found = [pair for pair in pairs if pair is not None]
        if len(found) == len(levels) and len({pair[2:] for pair in found}) == 1:
            _, _, sides, count = found[0]
            return DistanceLayout(
                strides=strides,
                boxes=tuple(Part(box, 0, sides) for box, *_ in found),
                classes=tuple(Part(classes, 0, count) for _, classes, *_ in found),
                bins=sides // SIDES,
                channels_last=channels_last,
            )
    return None


def _joined(
    strides: tuple[int, ...], levels: list[Level], bins: int, *, boxes_first: bool, channels_last: bool
) -> DistanceLayout | None:
    """The layout of case 3."""
    names, channels = [level[0][0] for level in levels], levels[0][0][1]
    count = channels - SIDES * bins
    if not bins or count < 1:
        return None
    boxes, classes = ((0, SIDES * bins), (SIDES * bins, channels)) if boxes_first else ((count, channels), (0, count))
    return DistanceLayout(
        strides=strides,
        boxes=tuple(Part(name, *boxes) for name in names),
        classes=tuple(Part(name, *classes) for name in names),
        bins=bins,
        channels_last=channels_last,
    )


def _levels(signature: Signature, *, channels_last: bool) -> tuple[tuple[int, ...], list[Level]]:
    """Strides, and the maps of each; none where an output is something else, or strides have different maps."""
    _, height, width = signature.image_input()
    maps = [(name, *_sizes(shape, channels_last=channels_last)) for name, shape in signature.outputs.items()]
    if any(is_dynamic(shape) or len(shape) != 4 or shape[0] != 1 for shape in signature.outputs.values()):
        return (), []
    for strides in STRIDES:
        sizes = map_sizes(height, width, strides)
        levels = [[(name, channels) for name, channels, *size in maps if tuple(size) == one] for one in sizes]
        if sum(map(len, levels)) != len(maps) or len(set(sizes)) != len(sizes):
            continue
        kinds = {tuple(sorted(channels for _, channels in level)) for level in levels}
        if len(kinds) == 1 and 1 <= len(levels[0]) <= 3:
            return strides, levels
    return (), []


def _sizes(shape: Shape, *, channels_last: bool) -> tuple[int, int, int]:
    """Channels, rows and columns of a shape of four numbers; zeros of others."""
    if len(shape) != 4:
        return 0, 0, 0
    _, *sizes = (int(size) if isinstance(size, (int, np.integer)) else 0 for size in shape)
    first, second, third = sizes
    return (third, first, second) if channels_last else (first, second, third)


def _pair(
    signature: Signature, level: Level, bins: Sequence[int], *, boxes_first: bool
) -> tuple[str, str, int, int] | None:
    """Names of distances and classes of a stride, and how many channels they have (cases 1 and 2)."""
    single = [name for name, channels in level if channels == 1]
    total = single[-1] if len(level) == 3 and single else ""
    rest = [(name, channels) for name, channels in level if name != total]
    if len(rest) != 2:
        return None
    sides = {SIDES * one for one in bins}
    ways = [(box, classes) for box, classes in itertools.permutations(rest) if box[1] in sides]
    if not ways:
        return None
    (box, classes) = ways[0] if len(ways) == 1 else _told(signature, ways, boxes_first=boxes_first)
    if total and not _is_total(signature.values(), classes[0], total):
        return None
    return box[0], classes[0], box[1], classes[1]


Way = tuple[tuple[str, int], tuple[str, int]]


def _told(signature: Signature, ways: list[Way], *, boxes_first: bool) -> Way:
    """Which of two maps of as many channels is which: by names of classes, by a sigmoid, by their order."""
    named, values = written_names(signature.metadata), signature.values()
    for tells in (
        lambda classes: named is not None and classes[1] == len(named),
        lambda classes: signature.ends.get(classes[0]) == "Sigmoid",
        lambda classes: classes[0] in values and scores_by_values(np.asarray(values[classes[0]])) == "chances",
    ):
        told = [way for way in ways if tells(way[1])]
        if len(told) == 1:
            return told[0]
    return ways[0] if boxes_first else ways[1]


def _is_total(values: Outputs, classes: str, total: str) -> bool:
    """Whether a map holds the best score of each cell, or their sum up to 1; True where no values are known."""
    if classes not in values or total not in values:
        return True
    scores, single = (np.asarray(values[name], np.float32)[0] for name in (classes, total))
    axis = next((axis for axis in (0, 2) if single.shape[axis] == 1), 0)
    best, whole = scores.max(axis=axis, keepdims=True), np.clip(scores.sum(axis=axis, keepdims=True), 0, 1)
    shapes = best.shape == single.shape
    return shapes and any(np.allclose(single, one, atol=_NEAR) for one in (best, whole))


BOXES_FIRST, CLASSES_FIRST = "boxes first", "classes first"
DISTRIBUTION = 16
"""Bins of YOLOv8's distributions."""


def order_in_one_map(signature: Signature) -> str | None:
    """Which of distances and scores come first in one map a stride, as values plainly show.

    Maps of anchors are behind a sigmoid everywhere or nowhere, and so show none of these.

    Returns:
        `BOXES_FIRST`: four distributions over 16 bins, then chances; `CLASSES_FIRST`: chances, then 4 distances; None
        where the values are others or not known.
    """
    values = signature.values()
    ways = ((BOXES_FIRST, DISTRIBUTION), (CLASSES_FIRST, 1))
    for order, bins in ways:
        layout = find_distances(signature, (), joined=bins, boxes_first=order == BOXES_FIRST)
        if layout is None or any(part.output not in values for part in layout.boxes):
            continue
        boxes, classes = (layout.rows(values, parts) for parts in (layout.boxes, layout.classes))
        sides = [scores_by_values(side) for side in np.split(boxes, SIDES, axis=1)]
        if "chances" not in sides and scores_by_values(classes) == "chances":
            return order
    return None
