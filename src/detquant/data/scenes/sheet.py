"""A sheet of scenes with their boxes, to look at."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.colours import hsv
from detquant.data.scenes.layout import CLASSES, SIZE
from detquant.data.scenes.scene import Scene, scene
from detquant.data.scenes.streams import Split

_ZOOM = 2  # names must be readable beside objects of a few pixels
_GAP = 8
_PAPER = 250
_FONT, _HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 0.4


def contact_sheet(rows: int = 3, columns: int = 5, seed: int = 0, split: Split = "train") -> npt.NDArray[np.uint8]:
    """Draws the first scenes of a split with their boxes and class names.

    Args:
        rows: number of rows of pictures.
        columns: number of columns of pictures.
        seed: seed of the data set.
        split: one of `SPLITS`.

    Returns:
        uint8 [height, width, 3], BGR; every picture is twice its size.
    """
    step = SIZE * _ZOOM + _GAP
    sheet = np.full((rows * step + _GAP, columns * step + _GAP, 3), _PAPER, np.uint8)
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        top, left = _GAP + row * step, _GAP + column * step
        sheet[top : top + SIZE * _ZOOM, left : left + SIZE * _ZOOM] = _tile(scene(split, place, seed))
    return sheet


def _tile(one: Scene) -> npt.NDArray[np.uint8]:
    tile = cv2.resize(one.image, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    for box, class_id in zip(one.boxes, one.class_id.tolist(), strict=True):
        _draw_box(np.asarray(tile, np.uint8), np.rint(box * _ZOOM).astype(int).tolist(), class_id)
    return np.asarray(tile, np.uint8)


def _draw_box(tile: npt.NDArray[np.uint8], box: list[int], class_id: int) -> None:
    """A frame around the object, and above it (below, where there is no room) its name on a plate."""
    left, top, right, bottom = box
    colour = hsv(class_id / len(CLASSES), 0.75, 1.0).tolist()
    cv2.rectangle(tile, (left - 1, top - 1), (right, bottom), colour, 1)
    (width, height), _ = cv2.getTextSize(CLASSES[class_id], _FONT, _HEIGHT, 1)
    left = max(min(left - 1, tile.shape[1] - width - 4), 0)
    base = top - 4 if top > height + 6 else bottom + height + 3
    cv2.rectangle(tile, (left, base - height - 2), (left + width + 3, base + 2), colour, cv2.FILLED)
    cv2.putText(tile, CLASSES[class_id], (left + 2, base), _FONT, _HEIGHT, (0, 0, 0), 1, cv2.LINE_AA)
