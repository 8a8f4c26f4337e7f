"""One image as several models see it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from detquant.families import Detections
from detquant.report.drawing import FONT, Colour, draw
from detquant.report.plain import plain

Picture = npt.NDArray[np.uint8]

ZOOM = 2
MARGIN = 20
HEAD = 72
"""Height of what stands above an image, in pixels."""

_PAPER: Colour = (250, 250, 250)
_INK: Colour = (30, 30, 30)
_GREY: Colour = (95, 95, 95)
_TITLE = (34, 0.95, _INK, 2)  # base line in pixels from the top, scale, colour, weight
_CAPTION = (60, 0.6, _GREY, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The picture of what one model sees.

    Attributes:
        title: a few words.
        caption: a line in small letters below it.
        detections: in pixels of the image.
    """

    title: str
    caption: str
    detections: Detections


def side_by_side(image: Picture, panels: Sequence[Panel], classes: Sequence[str], zoom: int = ZOOM) -> Picture:
    """Draws the image once for each panel, from left to right, under its title and caption.

    Args:
        image: uint8 [height, width, 3], BGR.
        panels: at least one.
        classes: names by class_id.
        zoom: how much larger the image is drawn; boxes and names are not enlarged with it, so they hide less.

    Returns:
        uint8 [height * zoom + HEAD + MARGIN, (width * zoom + MARGIN) * panels + MARGIN, 3], BGR.
    """
    large = np.asarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC), np.uint8)
    height, width = large.shape[:2]
    paper = np.full((height + HEAD + MARGIN, (width + MARGIN) * len(panels) + MARGIN, 3), _PAPER, np.uint8)
    for place, panel in enumerate(panels):
        left = MARGIN + place * (width + MARGIN)
        found = replace(panel.detections, xyxy=panel.detections.xyxy * zoom)
        paper[HEAD : HEAD + height, left : left + width] = draw(large, found, classes)
        for text, (base, scale, colour, weight) in ((plain(panel.title), _TITLE), (plain(panel.caption), _CAPTION)):
            scale *= min(1.0, width / cv2.getTextSize(text, FONT, scale, weight)[0][0]) if text else 1.0
            cv2.putText(paper, text, (left, base), FONT, scale, colour, weight, cv2.LINE_AA)
    return paper
