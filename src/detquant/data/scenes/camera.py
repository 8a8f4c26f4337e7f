"""Taking the picture: light, lens, motion, sensor and file, each as real ones err."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data.scenes.background import to_bytes

Picture = npt.NDArray[np.uint8]


def photograph(picture: Picture, rng: np.random.Generator) -> Picture:
    """Passes a picture through a camera; most faults are mild, and most pictures have few.

    Args:
        picture: uint8 [height, width, 3], BGR.
        rng: the stream of the faults.

    Returns:
        uint8 [height, width, 3], BGR.
    """
    for chance, step in _STEPS:
        if rng.random() < chance:
            picture = step(picture, rng)
    return picture


def _vignette(picture: Picture, rng: np.random.Generator) -> Picture:
    """Darkens a picture towards its corners."""
    height, width = picture.shape[:2]
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) ** 2 for side in (height, width))
    gain = np.float32(1) - np.float32(rng.uniform(0.05, 0.18)) * (y[:, None] + x)
    return to_bytes(picture * gain[:, :, None])


def _defocus(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)


def _motion(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blurs a picture by a mean along a short line."""
    half = int(rng.integers(1, 4))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    end = np.rint(np.array([np.cos(angle), np.sin(angle)]) * half).astype(int)
    cv2.line(kernel, (half - end[0], half - end[1]), (half + end[0], half + end[1]), 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT), np.uint8)


def _exposure(picture: Picture, rng: np.random.Generator) -> Picture:
    """Changes gain, contrast, gamma and cast of colour, by one table a channel."""
    levels = np.arange(256) / 255
    gamma, contrast, gain = rng.uniform(0.75, 1.35), rng.uniform(0.75, 1.2), rng.uniform(0.8, 1.15)
    cast = rng.uniform(0.9, 1.1, 3)
    curve = ((levels**gamma - 0.5) * contrast + 0.5) * gain
    table = np.clip(curve[:, None] * cast * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table[None]), np.uint8)


def _noise(picture: Picture, rng: np.random.Generator) -> Picture:
    """Adds sensor noise, the same in all channels or not."""
    channels = 3 if rng.random() < 0.4 else 1
    noise = rng.standard_normal((*picture.shape[:2], channels), np.float32)
    noise *= np.float32(np.exp(rng.uniform(np.log(1.5), np.log(13.0))))
    return to_bytes(picture + noise)


def _jpeg(picture: Picture, rng: np.random.Generator) -> Picture:
    """Takes a picture through a JPEG file and back."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(28, 90))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


# In the order of the light's way; the chance of each.
_STEPS = (
    (0.4, _vignette),
    (0.35, _defocus),
    (0.12, _motion),
    (0.75, _exposure),
    (0.6, _noise),
    (0.35, _jpeg),
)
