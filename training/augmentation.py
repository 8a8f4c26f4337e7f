"""Changes to a picture that leave its objects what they are: mirrored, recoloured, moved, scaled, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

HUE, SATURATION, VALUE = 0.015, 0.5, 0.3  # largest change, as a fraction
SHIFT, SCALE = 0.1, 0.3  # largest, as a fraction of the side
MOSAIC_SCALE = (0.6, 1.0)
GREY = (114, 114, 114)
# An object cut down further than this is no longer asked for.
LEAST_SIDE, LEAST_SHARE = 5.0, 0.4


class Picture(NamedTuple):
    """An image and its objects.

    Attributes:
        image: uint8 [h, w, 3], BGR.
        boxes: float32 [n, 4], xyxy, pixels.
        class_id: int64 [n].
    """

    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]


def augment(pictures: Sequence[Picture], rng: np.random.Generator) -> Picture:
    """One picture, moved, scaled, recoloured and perhaps mirrored; or four as a mosaic.

    Args:
        pictures: one or four of the same square shape.
        rng: decides all.

    Returns:
        A picture of the shape of each.
    """
    side = pictures[0].image.shape[0]
    if len(pictures) == 1:
        picture, scale = pictures[0], rng.uniform(1 - SCALE, 1 + SCALE)
        centre = side * (0.5 + rng.uniform(-SHIFT, SHIFT, 2))
    else:
        picture, scale = tile(pictures), rng.uniform(*MOSAIC_SCALE)
        centre = side * rng.uniform(0.6, 1.4, 2)
    picture = window(picture, centre, float(scale), side)
    picture = picture._replace(image=recolour(picture.image, rng))
    return mirror(picture) if rng.random() < 0.5 else picture


def mirror(picture: Picture) -> Picture:
    """Left becomes right."""
    boxes = picture.boxes.copy()
    boxes[:, [0, 2]] = picture.image.shape[1] - picture.boxes[:, [2, 0]]
    return Picture(np.ascontiguousarray(picture.image[:, ::-1]), boxes, picture.class_id)


def recolour(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Turns the hue a little; multiplies saturation and value."""
    hue, saturation, value = 1 + rng.uniform(-1, 1, 3) * (HUE, SATURATION, VALUE)
    levels = np.arange(256)
    tables = np.stack(
        [(levels * hue) % 180, np.clip(levels * saturation, 0, 255), np.clip(levels * value, 0, 255)], axis=-1
    )
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), tables.astype(np.uint8)[None])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def tile(pictures: Sequence[Picture]) -> Picture:
    """Four pictures as two rows of two."""
    side = pictures[0].image.shape[0]
    images = [picture.image for picture in pictures]
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float32)
    return Picture(
        np.vstack([np.hstack(images[:2]), np.hstack(images[2:])]),
        np.concatenate([p.boxes + np.tile(corner, 2) for p, corner in zip(pictures, corners, strict=True)]),
        np.concatenate([p.class_id for p in pictures]),
    )


def window(picture: Picture, centre: npt.NDArray[np.float64], scale: float, side: int) -> Picture:
    """The square around a point of a picture, scaled; what is outside the picture is grey.

    Args:
        picture: to look at.
        centre: x, y, pixels of the picture.
        scale: window pixels per picture pixel.
        side: of the window, pixels.
    """
    offset = side / 2 - scale * centre
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    image = np.asarray(cv2.warpAffine(picture.image, matrix, (side, side), borderValue=GREY), np.uint8)
    whole = picture.boxes * scale + np.tile(offset, 2)
    boxes = np.clip(whole, 0, side).astype(np.float32)
    size, whole_size = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    kept = (size.max(axis=1, initial=0) >= LEAST_SIDE) & (size.prod(axis=1) > LEAST_SHARE * whole_size.prod(axis=1))
    return Picture(image, boxes[kept], picture.class_id[kept])
