"""What is behind everything: textured ground, patches of another one, and loose lines."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.colours import Colour, blend, palette
from detquant.data.scenes.textures import GROUNDS, Field, Texture, clouds, sharpened

_SHIFT = 4  # fractional bits of the points that OpenCV is given


def paint_background(size: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Paints a background.

    Args:
        size: height and width, px.
        rng: the stream it is drawn from.

    Returns:
        uint8 [size, size, 3], BGR.
    """
    ground = _ground(size, rng)
    if rng.random() < 0.55:
        share = _region(size, rng)[:, :, None]
        ground += share * (_ground(size, rng) - ground)
    # Matt surfaces are never even; without this a network would take any grain for an object.
    uneven = (clouds(size, size, rng) - np.float32(0.5)) * np.float32(rng.uniform(5, 45))
    canvas = to_bytes(ground + uneven[:, :, None])
    for _ in range(int(rng.choice([0, 0, 1, 2, 4, 7]))):
        _draw_curve(canvas, rng)
    return canvas


def to_bytes(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Rounds to the nearest of 0 to 255."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0)), np.uint8)


def choose(table: Mapping[str, Texture], rng: np.random.Generator) -> Texture:
    """Draws one texture of a table, each as likely as the others."""
    return list(table.values())[int(rng.integers(len(table)))]


def _ground(size: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return blend(choose(GROUNDS, rng)(size, size, rng), palette(int(rng.integers(2, 5)), rng))


def _region(size: int, rng: np.random.Generator) -> Field:
    """1 inside some part of the picture, 0 outside, with a hard or soft border."""
    if rng.random() < 0.5:
        field = clouds(size, size, rng)
    else:
        angle, (cy, cx) = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.75, 2) * size
        y, x = np.ogrid[:size, :size]
        away = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        field = np.asarray(away / size + 0.5, np.float32)
    return sharpened(field - np.float32(0.5), float(rng.choice([4, 25, 120])))


def _draw_curve(canvas: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Draws an open line, straight or bent: cables, scratches, edges of things far away."""
    size = canvas.shape[0]
    start, stop = rng.uniform(-0.2, 1.2, (2, 2)) * size
    bend = (start + stop) / 2 + rng.uniform(-0.35, 0.35, 2) * size
    t = np.linspace(0, 1, 24)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * stop
    colour: Colour = palette(1, rng)[0]
    corners = np.rint(points * 2**_SHIFT).astype(np.int32)
    cv2.polylines(canvas, [corners], False, colour.tolist(), int(rng.integers(1, 4)), cv2.LINE_AA, _SHIFT)
