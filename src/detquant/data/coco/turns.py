"""Boxes of images that are stored lying, and turned upright when they are read."""

from __future__ import annotations

from collections.abc import Callable

from detquant.data.coco.entries import Box
from detquant.data.image_headers import Size

TURNS: dict[int, Callable[[float, float, float, float], tuple[float, float]]] = {
    5: lambda left, top, right, bottom: (top, left),
    6: lambda left, top, right, bottom: (bottom, left),
    7: lambda left, top, right, bottom: (bottom, right),
    8: lambda left, top, right, bottom: (top, right),
}
"""The distances of a box to the left and upper edge once upright, from those to the four edges as stored; by EXIF's
number of the quarter turn."""


def upright(box: Box, size: Size, turn: int) -> Box:
    """A box in the image once it is upright.

    Args:
        box: left, top, width, height in pixels of the image as stored.
        size: height and width as stored.
        turn: EXIF's number; 1 for none.
    """
    if turn not in TURNS:
        return box
    left, top, width, height = box
    x, y = TURNS[turn](left, top, size[1] - left - width, size[0] - top - height)
    return x, y, height, width
