"""Painting one item onto a picture: its shadow, its fill, its relief and its rim."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.background import choose, to_bytes
from detquant.data.scenes.colours import Colour, blend, colour_against, contrast
from detquant.data.scenes.layout import Item
from detquant.data.scenes.silhouette import Window, coverage, silhouette, stroke, window
from detquant.data.scenes.textures import FILLS

Patch = npt.NDArray[np.float32]

_CONTRAST, _CONTRAST_FAINT, _FAINT = 62.0, 26.0, 0.08  # asked for mostly, sometimes, and how often
_CONTRAST_SMALL = 24.0  # added in proportion for what is small: few pixels must say it all
_SMALL = 24.0


@dataclass(frozen=True, slots=True)
class Sun:
    """The light of a scene; all its shadows fall the same way.

    Attributes:
        angle: angle of the direction in which shadows fall.
        length: length of a shadow, in parts of an item's size.
        strength: strength of shadows, 0 (none) to 1 (black).
        softness: softness of the shadow's edge, px.
        relief: how rounded items look, 0 (flat) to 1.
    """

    angle: float
    length: float
    strength: float
    softness: float
    relief: float


def make_sun(rng: np.random.Generator) -> Sun:
    """Draws a light that is bright, hazy or none."""
    strength = float(rng.uniform(0.25, 0.7)) if rng.random() < 0.7 else 0.0
    return Sun(
        float(rng.uniform(0, 2 * np.pi)),
        float(rng.uniform(0.03, 0.14)),
        strength,
        float(rng.uniform(0.6, 4.0)),
        float(rng.uniform(0.2, 1.0)) if rng.random() < 0.6 else 0.0,
    )


def paint_item(canvas: npt.NDArray[np.uint8], item: Item, sun: Sun, rng: np.random.Generator) -> None:
    """Paints an item; only the pixels near it change.

    Args:
        canvas: uint8 [size, size, 3], BGR; written to.
        item: what to paint.
        sun: the scene's light.
        rng: the stream of colours and textures.
    """
    away = min(item.size * sun.length, 9.0)
    where = window(item.contours, canvas.shape[0], round(away + 2 * sun.softness) + 1)
    inside = silhouette(item.contours, where)
    cover = coverage(inside)
    patch = canvas[where.pixels].astype(np.float32)
    if sun.strength:
        patch *= np.float32(1) - _shadow(cover, away, sun)[:, :, None]
    least = _CONTRAST if rng.random() > _FAINT else _CONTRAST_FAINT
    least += _CONTRAST_SMALL * max(1 - item.size / _SMALL, 0.0)
    ground = np.array(cv2.mean(canvas[where.pixels])[:3], np.float32)  # of whole numbers, so exact
    colour = colour_against(ground, least, rng)
    fill = _fill(where, colour, ground, rng)
    if rng.random() < 0.35:
        _add_rim(fill, item, where, inside, colour, rng)
    if sun.relief and item.size > 12:
        fill += _relief(cover, item.size, sun)[:, :, None]
    opacity = np.float32(1.0 if rng.random() < 0.7 else rng.uniform(0.85, 1.0))
    fill -= patch
    patch += fill * (cover * opacity)[:, :, None]
    canvas[where.pixels] = to_bytes(patch)


def _fill(where: Window, colour: Colour, ground: Colour, rng: np.random.Generator) -> Patch:
    """A texture between the chosen colour and one that keeps away from the ground too."""
    height, width = where.size
    texture = choose(FILLS, rng)
    if rng.random() < 0.3:
        second = colour_against(ground, contrast(colour, ground) * 0.6, rng)
    else:
        second = np.clip(colour * np.float32(rng.uniform(0.65, 1.35)) + np.float32(rng.uniform(-20, 20)), 0, 255)
    return blend(texture(height, width, rng), [colour, second])


def _add_rim(
    fill: Patch, item: Item, where: Window, inside: npt.NDArray[np.uint8], colour: Colour, rng: np.random.Generator
) -> None:
    """Draws the outline's inner side, lighter or darker than the fill."""
    thickness = max(item.size * rng.uniform(0.025, 0.08), 0.7)
    line = coverage(stroke(item.contours, where, thickness) & inside)[:, :, None]
    rim = colour_against(colour, _CONTRAST, rng)
    fill += line * (rim - fill)


def _shadow(cover: Patch, away: float, sun: Sun) -> Patch:
    """How much darker each pixel becomes, 0 to 1."""
    height, width = cover.shape
    move = np.array([[1, 0, away * np.cos(sun.angle)], [0, 1, away * np.sin(sun.angle)]], np.float32)
    moved = cv2.warpAffine(cover, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(moved, (0, 0), sun.softness)
    return np.asarray(soft, np.float32) * np.float32(sun.strength)


def _relief(cover: Patch, size: float, sun: Sun) -> Patch:
    """Grey levels to add so that an item is lighter towards the sun and darker away from it, as a pillow is."""
    sigma = min(size * 0.06, 5.0)
    soft = cv2.GaussianBlur(cover, (0, 0), sigma)
    x, y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    slope = x * np.float32(np.cos(sun.angle)) + y * np.float32(np.sin(sun.angle))
    # The slope of a blurred edge shrinks with its width.
    return np.asarray(slope, np.float32) * np.float32(sun.relief * sigma * 13)
