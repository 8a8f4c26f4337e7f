"""One object at a time: small pictures for a classifier."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.scene import Scene, scene
from detquant.data.scenes.streams import Split
from detquant.errors import DatasetError

SIDE = 32
_CONTEXT = 0.25


def crop(split: Split, index: int, number: int, seed: int = 0, *, size: int = SIDE) -> npt.NDArray[np.uint8]:
    """Cuts one object out of its scene, as `crops` does.

    Args:
        split: one of `SPLITS`.
        index: index of the scene.
        number: number of the object in it, from 0.
        seed: seed of the data set.
        size: height and width, px.

    Returns:
        uint8 [size, size, 3], BGR.

    Raises:
        DatasetError: there is no such scene, or no such object in it.
    """
    one = _painted(split, index, seed)
    if not 0 <= number < len(one.boxes):
        raise DatasetError(f"Scene {index} of {split} has no object {number}: it has {len(one.boxes)}, from 0.")
    return _crop(one.image, one.boxes[number], size, _CONTEXT)


@lru_cache(maxsize=8)
def _painted(split: Split, index: int, seed: int) -> Scene:
    """A scene; who reads its objects one after the other has it painted once."""
    return scene(split, index, seed)


def crops(
    split: Split, count: int, seed: int = 0, *, size: int = SIDE, context: float = _CONTEXT
) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """Cuts the objects out of the scenes of a split, scene by scene.

    The first of many are the same as a few. Classes are as frequent as in the scenes: nearly evenly.

    Args:
        split: one of `SPLITS`.
        count: number of crops.
        seed: seed of the data set.
        size: height and width of each, px.
        context: what is seen around the object's box, in parts of its longer side; half of it on each side.

    Yields:
        uint8 [size, size, 3], BGR, with the object in the middle; and its class_id.
    """
    yield from itertools.islice(_all_crops(split, seed, size, context), count)


def _all_crops(split: Split, seed: int, size: int, context: float) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    for index in itertools.count():
        one = scene(split, index, seed)
        for box, class_id in zip(one.boxes, one.class_id.tolist(), strict=True):
            yield _crop(one.image, box, size, context), class_id


def _crop(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], size: int, context: float
) -> npt.NDArray[np.uint8]:
    """The square around a box; beyond the picture's border, the border goes on."""
    side = max(round(float((box[2:] - box[:2]).max()) * (1 + context)), 1)
    left, top = np.floor((box[:2] + box[2:] - side) / 2 + 0.5).astype(int).tolist()
    height, width = image.shape[:2]
    before, after = (max(-top, 0), max(-left, 0)), (max(top + side - height, 0), max(left + side - width, 0))
    inner = image[max(top, 0) : top + side, max(left, 0) : left + side]
    square = cv2.copyMakeBorder(inner, before[0], after[0], before[1], after[1], cv2.BORDER_REPLICATE)
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)
