"""Filling an outline: which part of which pixel it covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.shapes import Contours

FINE = 4  # sub-pixels to a pixel, each way
_SHIFT = 4  # fractional bits of the corners that OpenCV is given


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels; left and top are inside, right and bottom are not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px; 0 where there is nothing."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The index of the window's pixels in an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def fine(self) -> tuple[slice, slice]:
        """The index of the window's sub-pixels in an image of sub-pixels."""
        return slice(self.top * FINE, self.bottom * FINE), slice(self.left * FINE, self.right * FINE)


def window(contours: Contours, side: int, margin: int = 0) -> Window:
    """The pixels around an outline that are inside an image of side x side."""
    low = [math.floor(value) - margin for value in contours[0].min(0).tolist()]
    high = [math.ceil(value) + margin for value in contours[0].max(0).tolist()]
    left, top, right, bottom = (min(max(value, 0), side) for value in low + high)
    return Window(left, top, right, bottom)


def silhouette(contours: Contours, where: Window) -> npt.NDArray[np.uint8]:
    """The sub-pixels of a window that are inside an outline and in none of its holes.

    Args:
        contours: float64 [points, 2], px; the pixel (0, 0) is the square from (0, 0) to (1, 1).
        where: the window.

    Returns:
        uint8 [FINE * height, FINE * width]; 255 inside, 0 outside.
    """
    height, width = where.size
    mask = np.zeros((height * FINE, width * FINE), np.uint8)
    cv2.fillPoly(mask, fixed_point(contours, where), 255, cv2.LINE_8, _SHIFT)
    return mask


def stroke(contours: Contours, where: Window, thickness: float) -> npt.NDArray[np.uint8]:
    """The sub-pixels near the edge of an outline, on both sides of it.

    Args:
        contours: outlines as `silhouette` takes them.
        where: the window.
        thickness: thickness of the line inside the outline, px.

    Returns:
        uint8 [FINE * height, FINE * width]; 255 on the line, 0 elsewhere.
    """
    height, width = where.size
    mask = np.zeros((height * FINE, width * FINE), np.uint8)
    whole = max(round(2 * thickness * FINE), 1)
    cv2.polylines(mask, fixed_point(contours, where), True, 255, whole, cv2.LINE_8, _SHIFT)
    return mask


def fixed_point(contours: Contours, where: Window) -> list[npt.NDArray[np.int32]]:
    """Corners as OpenCV takes them: of sub-pixels, whose centres are whole numbers, with `_SHIFT` bits."""
    origin = np.array([where.left, where.top], np.float64)
    return [np.rint(((points - origin) * FINE - 0.5) * 2**_SHIFT).astype(np.int32) for points in contours]


def coverage(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The share of each pixel that is covered.

    Args:
        mask: uint8 [FINE * height, FINE * width], 0 or 255.

    Returns:
        float32 [height, width], 0 to 1.
    """
    height, width = mask.shape
    small = cv2.resize(mask, (width // FINE, height // FINE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def area(contours: Contours) -> float:
    """The area of an outline less its holes, px^2, also outside the image (the shoelace formula)."""
    sizes = []
    for points in contours:
        x, y = points.T
        sizes.append(abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2)
    return sizes[0] - sum(sizes[1:])
