"""Detections drawn onto their image."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from detquant.families import Detections
from detquant.report.plain import plain

Colour = tuple[int, int, int]

FONT = cv2.FONT_HERSHEY_SIMPLEX
# Steps of the golden ratio around the colour wheel keep neighbouring class ids far apart.
GOLDEN = 0.618034


def draw(image: npt.NDArray[np.uint8], detections: Detections, classes: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Draws boxes with their class and confidence; the best ones lie on top.

    Args:
        image: uint8 [height, width, 3], BGR; not changed.
        detections: in pixels of the image.
        classes: names by class_id.

    Returns:
        uint8 [height, width, 3], BGR.
    """
    canvas = image.copy()
    line = max(1, round(min(image.shape[:2]) / 240))
    for at in np.argsort(detections.confidence, kind="stable"):
        class_id = int(detections.class_id[at])
        left, top, right, bottom = (round(float(value)) for value in detections.xyxy[at])
        colour = class_colour(class_id)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, line)
        text = f"{plain(classes[class_id])} {detections.confidence[at]:.2f}"
        _label(canvas, text, (left, top), colour, line)
    return canvas


def class_colour(class_id: int) -> Colour:
    """A colour (BGR) of its own for each class."""
    red, green, blue = colorsys.hsv_to_rgb(class_id * GOLDEN % 1.0, 0.75, 0.95)
    return round(blue * 255), round(green * 255), round(red * 255)


def _label(canvas: npt.NDArray[np.uint8], text: str, corner: tuple[int, int], colour: Colour, line: int) -> None:
    """A filled label that sits on the box's top edge, moved inside where the image ends."""
    scale, weight = 0.35 + 0.12 * line, max(1, line // 2)
    (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
    height += below + 2
    left = max(0, min(corner[0], canvas.shape[1] - width - 2))
    top = corner[1] - height if corner[1] >= height else corner[1]
    cv2.rectangle(canvas, (left, top), (left + width + 2, top + height), colour, cv2.FILLED)
    blue, green, red = colour
    ink = (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else (255, 255, 255)
    cv2.putText(canvas, text, (left + 1, top + height - below), FONT, scale, ink, weight, cv2.LINE_AA)
