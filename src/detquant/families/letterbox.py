"""Putting an image of any size into the network input: letterboxed or stretched."""

from __future__ import annotations

import cv2
import numpy as np

from detquant.families.geometry import Geometry
from detquant.numerics.arrays import Floats, Ints, Pixels

PAD_GREY = 114


def letterbox_centred(image: Pixels, height: int, width: int, pad: int = PAD_GREY) -> tuple[Pixels, Geometry]:
    """Scales to fit, aspect kept, and centres on grey (Ultralytics).

    Args:
        image: uint8 [h, w, 3].
        height: height of the result.
        width: width of the result.
        pad: the grey, 0 to 255.

    Returns:
        uint8 [height, width, 3], and the mapping.
    """
    scale, inner_h, inner_w = _fit(image, height, width)
    # An odd row or column of padding goes below or to the right.
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    return _place(image, height, width, scale, (inner_h, inner_w), (top, left), pad)


def letterbox_top_left(image: Pixels, height: int, width: int, pad: int = PAD_GREY) -> tuple[Pixels, Geometry]:
    """Scales to fit, aspect kept, and puts into the top left corner of grey (YOLOX).

    Args:
        image: uint8 [h, w, 3].
        height: height of the result.
        width: width of the result.
        pad: the grey, 0 to 255.

    Returns:
        uint8 [height, width, 3], and the mapping.
    """
    scale, inner_h, inner_w = _fit(image, height, width)
    return _place(image, height, width, scale, (inner_h, inner_w), (0, 0), pad)


def stretch(image: Pixels, height: int, width: int) -> tuple[Pixels, Geometry]:
    """Scales each side by itself, aspect not kept (NanoDet).

    Args:
        image: uint8 [h, w, 3].
        height: height of the result.
        width: width of the result.

    Returns:
        uint8 [height, width, 3], and the mapping.
    """
    h, w = image.shape[:2]
    return _resize(image, height, width), Geometry(height=h, width=w, scale_x=width / w, scale_y=height / h)


def stretch_from_corner(image: Pixels, height: int, width: int) -> tuple[Pixels, Geometry]:
    """Scales each side by itself as TensorFlow 1 does, from the corners of pixels and not from their middles.

    A row y of the result is that of y h / height, between the two rows next to it (`tf.compat.v1.image.
    resize_bilinear` with neither align_corners nor half_pixel_centers); so the image moves by half a step.

    Args:
        image: uint8 [h, w, 3].
        height: height of the result.
        width: width of the result.

    Returns:
        uint8 [height, width, 3], and the mapping.
    """
    h, w = image.shape[:2]
    (top, below, down), (left, beside, right) = (_between(*sides) for sides in ((h, height), (w, width)))
    down, right = down.reshape(-1, 1, 1), right.reshape(1, -1, 1)
    rows = image[top] * (1 - down) + image[below] * down
    canvas = np.rint(rows[:, left] * (1 - right) + rows[:, beside] * right).astype(np.uint8)
    return canvas, Geometry(height=h, width=w, scale_x=width / w, scale_y=height / h)


def _between(side: int, cells: int) -> tuple[Ints, Ints, Floats]:
    """For each cell of a result the pixels before and behind it, and its way from the one to the other, 0 to 1."""
    place = np.arange(cells) * (side / cells)
    before = place.astype(np.int64)
    return before, np.minimum(before + 1, side - 1), (place - before).astype(np.float32)


def as_tensor(
    image: Pixels,
    *,
    rgb: bool,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Floats:
    """(image - mean) / std with channels first.

    Args:
        image: uint8 [h, w, 3], BGR.
        rgb: whether to swap the channels.
        mean: means in the order of the result's channels, 0 to 255.
        std: standard deviations in the same order, 0 to 255.

    Returns:
        float32 [1, 3, h, w], contiguous.
    """
    tensor = np.asarray(cv2.dnn.blobFromImage(image, swapRB=rgb), np.float32)
    if any(mean):
        tensor -= np.array(mean, np.float32).reshape(1, 3, 1, 1)
    if std != (1.0, 1.0, 1.0):
        tensor /= np.array(std, np.float32).reshape(1, -1, 1, 1)
    return tensor


def _fit(image: Pixels, height: int, width: int) -> tuple[float, int, int]:
    """The scale at which the image just fits, and its height and width then."""
    h, w = image.shape[:2]
    scale = min(height / h, width / w)
    return scale, max(1, round(h * scale)), max(1, round(w * scale))


def _place(
    image: Pixels,
    height: int,
    width: int,
    scale: float,
    inner: tuple[int, int],
    corner: tuple[int, int],
    pad: int = PAD_GREY,
) -> tuple[Pixels, Geometry]:
    """The image at size `inner` on grey, its top left at `corner` (row, column)."""
    (inner_h, inner_w), (top, left) = inner, corner
    canvas = np.full((height, width, 3), pad, np.uint8)
    canvas[top : top + inner_h, left : left + inner_w] = _resize(image, inner_h, inner_w)
    h, w = image.shape[:2]
    return canvas, Geometry(height=h, width=w, scale_x=scale, scale_y=scale, pad_x=left, pad_y=top)


def _resize(image: Pixels, height: int, width: int) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
