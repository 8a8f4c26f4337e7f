"""Where the objects of a scene are, before anything is painted: the truth.

A box is tight around what can be seen of an object: its silhouette inside the image, less what later ones hide.
A place in which an object would be seen too little, or would hide an earlier one too much, is never taken; so
no picture shows the remains of an object that the truth does not know. Small objects must be seen nearly whole,
because half of a small star could be anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.shapes import DISTRACTORS, SHAPES, Contours, Shape, outline
from detquant.data.scenes.silhouette import FINE, Window, area, silhouette, window
from detquant.data.scenes.streams import Split, stream

SIZE = 256  # height and width of every scene, px
CLASSES = tuple(SHAPES)
SMALLEST, LARGEST = 8.0, 160.0  # longer side of an object's box where nothing hides it, px
MOST_OBJECTS = 12
DISTRACTOR = -1

_SMALL = 24.0
_SEEN, _SEEN_SMALL = 0.5, 0.85  # least part of a silhouette that is seen
_MOST_DISTRACTORS = 5
_DISTRACTOR_SIZES = (12.0, 110.0)
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Item:
    """An object or a distractor in its place.

    Attributes:
        class_id: index into `CLASSES`, or DISTRACTOR.
        contours: float64 [points, 2], px.
        size: longer side of the whole silhouette's box, px.
    """

    class_id: int
    contours: Contours
    size: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The geometry of a scene.

    Attributes:
        items: in the order of painting; later ones hide earlier ones.
        boxes: float32 [objects, 4], left, top, right, bottom, px.
        class_id: int64 [objects].
    """

    items: tuple[Item, ...]
    boxes: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]


def layout(split: Split, index: int, seed: int = 0) -> Layout:
    """Throws the objects of one scene.

    Args:
        split: one of `SPLITS`.
        index: index of the image, from 0.
        seed: seed of the data set.

    Raises:
        DatasetError: there is no such scene.
    """
    rng = stream(split, index, "layout", seed)
    table = _Table()
    # The first is an object, and nothing is in its way: no scene is without.
    kinds = [int(kind) for kind in rng.integers(0, len(CLASSES), rng.integers(1, MOST_OBJECTS + 1))]
    rest = np.array(kinds[1:] + [DISTRACTOR] * int(rng.integers(0, _MOST_DISTRACTORS + 1)), int)
    for kind in [kinds[0], *rng.permutation(rest).tolist()]:
        _throw(table, kind, rng)
    return table.layout()


def _throw(table: _Table, class_id: int, rng: np.random.Generator) -> None:
    """Tries places for one item, and leaves it out where all are taken; its size stays what was drawn."""
    shapes = list((DISTRACTORS if class_id == DISTRACTOR else SHAPES).values())
    shape: Shape = shapes[int(rng.integers(len(shapes))) if class_id == DISTRACTOR else class_id]
    low, high = _DISTRACTOR_SIZES if class_id == DISTRACTOR else (SMALLEST, LARGEST)
    # Evenly in the square root: between evenly in size (hardly a small one) and in its logarithm (hardly a large one).
    size = float(rng.uniform(np.sqrt(low), np.sqrt(high)) ** 2)
    contours = outline(shape, size, rng)
    for _ in range(_TRIES):
        centre = rng.uniform(0, SIZE, 2)
        if table.put(Item(class_id, tuple(points + centre for points in contours), size)):
            return


class _Table:
    """The items so far, and which of them is on top at each sub-pixel."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.windows: list[Window] = []
        self.seen: list[int] = []  # sub-pixels of each item
        self.least: list[float] = []  # that must remain
        self.top = np.zeros((SIZE * FINE, SIZE * FINE), np.uint8)  # number of the item, from 1

    def put(self, item: Item) -> bool:
        """Puts an item on top, unless too little of it or of another one would be seen."""
        where = window(item.contours, SIZE)
        inside = silhouette(item.contours, where)
        share = _SEEN_SMALL if item.size < _SMALL else _SEEN
        least = share * area(item.contours) * FINE**2 if item.class_id != DISTRACTOR else 1.0
        seen = int(cv2.countNonZero(inside))
        below = self.top[where.fine]
        number = len(self.items) + 1
        hidden = cv2.calcHist([below], [0], inside, [number], [0, number]).ravel()[1:]
        left = np.array(self.seen, int) - hidden.astype(int)
        if seen < least or (left < self.least).any():
            return False
        self.items.append(item)
        self.windows.append(where)
        self.seen = [*left.tolist(), seen]
        self.least.append(least if item.class_id != DISTRACTOR else 0.0)
        np.copyto(below, number, where=inside > 0)
        return True

    def layout(self) -> Layout:
        """The layout that the items make."""
        numbered = [(n, item) for n, item in enumerate(self.items, start=1) if item.class_id != DISTRACTOR]
        boxes = [self._box(number) for number, _ in numbered]
        return Layout(
            tuple(self.items),
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([item.class_id for _, item in numbered], np.int64),
        )

    def _box(self, number: int) -> tuple[float, float, float, float]:
        """The box around the sub-pixels in which an item is on top."""
        where = self.windows[number - 1]
        mine = self.top[where.fine] == number
        columns, rows = np.flatnonzero(mine.any(0)), np.flatnonzero(mine.any(1))
        return (
            where.left + float(columns[0]) / FINE,
            where.top + float(rows[0]) / FINE,
            where.left + float(columns[-1] + 1) / FINE,
            where.top + float(rows[-1] + 1) / FINE,
        )
