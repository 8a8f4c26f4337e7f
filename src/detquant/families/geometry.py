"""How an image lies in the input of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.numerics.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How an image was mapped to the network input: x_input = x_image * scale_x + pad_x, y alike.

    Attributes:
        height: height of the original image, pixels.
        width: width of the original image, pixels.
        scale_x: input pixels per image pixel.
        scale_y: input pixels per image pixel.
        pad_x: columns before the image in the input.
        pad_y: rows above the image in the input.
    """

    height: int
    width: int
    scale_x: float
    scale_y: float
    pad_x: float = 0.0
    pad_y: float = 0.0

    def to_image(self, xyxy: Floats) -> Floats:
        """Maps boxes [n, 4] from input pixels to image pixels, clipped to the image."""
        pad = np.array([self.pad_x, self.pad_y] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        limit = np.array([self.width, self.height] * 2, np.float32)
        return np.asarray(np.clip((xyxy - pad) / scale, 0, limit), np.float32)

    def to_input(self, xyxy: Floats) -> Floats:
        """Maps boxes [n, 4] from image pixels to input pixels."""
        pad = np.array([self.pad_x, self.pad_y] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return np.asarray(xyxy, np.float32) * scale + pad
