"""Boxes over a picture: each in the colour, the dashes and the words of what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detquant.evaluation.changes import Box, Fate, SeenImage
from detquant.report.html.markup import Child, Markup, element, joined, number
from detquant.report.html.words import legend

MOST_PIXELS = 100_000
"""Side of an image from which a file of figures is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a fate is shown.

    Attributes:
        word: in tables and labels.
        said: in the legend.
        class_: for the style sheet: colour and dashes.
    """

    word: str
    said: str
    class_: str


FATES: Mapping[Fate, Shown] = {
    Fate.LOST: Shown(word="lost", said="lost: the float model's alone", class_="lost"),
    Fate.NEW: Shown(word="new", said="new: the quantised model's alone", class_="new"),
    Fate.MOVED: Shown(word="moved", said="moved", class_="moved"),
    Fate.RENAMED: Shown(word="of another class", said="of another class", class_="renamed"),
    Fate.KEPT: Shown(word="kept", said="kept", class_="kept"),
}


def legend_of_fates() -> Markup:
    """What colours and dashes stand for."""
    return legend([(f"box {shown.class_}", shown.said) for shown in FATES.values()])


def picture(
    key: str,
    one: SeenImage,
    title: str,
    description: str,
    uri: str | None,
    image_id: str,
    *,
    first: bool,
    overlay: Child,
) -> Markup:
    """An image with what lies over it. The image is on the page once: the second side uses that of the first.

    Args:
        key: an id that begins those of the title and the description.
        one: the image.
        title: what it is.
        description: where it is told in words.
        uri: the picture; None for plain ground.
        image_id: id of the picture.
        first: whether this is the side that holds it.
        overlay: what lies over it.
    """
    width, height = _side(one.width), _side(one.height)
    ground: Markup = element("rect", width=width, height=height, class_="ground")
    if uri and first:
        ground = element("image", href=uri, width=width, height=height, preserveAspectRatio="none", id=image_id)
    elif uri:
        ground = element("use", href=f"#{image_id}")
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-text"),
        ground,
        overlay,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{key}-title {key}-text",
        class_="picture",
    )


def boxes(one: SeenImage, found: Sequence[Box], classes: Sequence[str]) -> Markup:
    """The boxes of a model: what was kept below, what was lost or is new on top."""
    order = [Fate.KEPT, Fate.MOVED, Fate.RENAMED, Fate.NEW, Fate.LOST]
    size = max(_side(one.width), _side(one.height)) / 34
    drawn: list[Markup] = []
    for place, box in enumerate(sorted(found, key=lambda box: (order.index(box.fate), _finite(box.confidence)))):
        drawn.append(_box(one, box, classes, size) if len(box.xyxy) == 4 else _guess(box, classes, size, place))
    return joined(drawn)


def _box(one: SeenImage, box: Box, classes: Sequence[str], size: float) -> Markup:
    left, top, right, bottom = map(_finite, box.xyxy)
    at, shown = (max(0.0, left), max(0.0, top)), FATES[box.fate]
    corner = {"x": at[0], "y": at[1], "width": max(right - at[0], 1.0), "height": max(bottom - at[1], 1.0)}
    base = at[1] - size * 0.3 if at[1] > size * 1.3 else at[1] + size * 1.05
    words = _said(box, classes)
    # A label is moved in where it would leave the picture; a letter is about 0.56 of its height wide.
    x = max(2.0, min(at[0] + 1, _side(one.width) - 0.56 * size * len(words) - 2))
    return element(
        "g",
        element("title", words),
        element("rect", **corner, class_="under"),
        element("rect", **corner, class_="box"),
        element("text", words, x=x, y=base, font_size=size),
        class_=shown.class_,
    )


def _guess(box: Box, classes: Sequence[str], size: float, place: int) -> Markup:
    """A classifier's guess, which has no place in the image."""
    return element(
        "g",
        element("text", _said(box, classes), x=size / 2, y=size * 1.4 * (place + 1), font_size=size),
        class_=FATES[box.fate].class_,
    )


def _said(box: Box, classes: Sequence[str]) -> str:
    name = classes[box.class_id] if 0 <= box.class_id < len(classes) else f"class {box.class_id}"
    fate = "" if box.fate is Fate.KEPT else f", {FATES[box.fate].word}"
    return f"{name[:40]} {_finite(box.confidence):.2f}{fate}"


def _side(pixels: int) -> int:
    return min(max(pixels, 1), MOST_PIXELS)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
