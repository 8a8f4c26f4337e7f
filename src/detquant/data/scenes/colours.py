"""Colours that go together, and colours that can be told apart."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.float32]  # [3], BGR, 0 to 255

_LUMA = np.array([0.114, 0.587, 0.299], np.float32)
_CHROMA_WEIGHT = np.float32(0.4)  # the eye, and a small network, goes by brightness first
_TRIES = 16


def palette(count: int, rng: np.random.Generator) -> list[Colour]:
    """Colours of neighbouring hues from dark to light, as a background would have.

    Args:
        count: how many.
        rng: the stream they are drawn from.
    """
    hue, spread = rng.random(), rng.uniform(0.02, 0.22)
    saturation, middle, reach = rng.uniform(0.08, 0.75), rng.uniform(0.32, 0.8), rng.uniform(0.1, 0.3)
    places = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    return [
        hsv(
            hue + spread * float(rng.uniform(-1, 1)),
            saturation * float(rng.uniform(0.6, 1.2)),
            middle + reach * float(place),
        )
        for place in places
    ]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (a turn is 1), saturation and value (cut to 0 to 1)."""
    saturation, value = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return np.array([blue, green, red], np.float32) * np.float32(255)


def contrast(one: Colour, other: Colour) -> float:
    """How well two colours can be told apart: 0 for the same, 255 for black and white."""
    difference = one - other
    luma = float((difference * _LUMA).sum())
    return abs(luma) + float(_CHROMA_WEIGHT * np.sqrt(np.square(difference - np.float32(luma)).sum()))


def colour_against(ground: Colour, least: float, rng: np.random.Generator) -> Colour:
    """A colour at random that stands out from the ground.

    Args:
        ground: the mean colour behind it.
        least: contrast asked for.
        rng: the stream it is drawn from.

    Returns:
        The first that does; of a fixed number of throws the best where none does.
    """
    best, reached = ground, -1.0
    for _ in range(_TRIES):
        hue, saturation, value = rng.random(3)
        one = hsv(hue, 0.1 + 0.9 * saturation, 0.15 + 0.85 * value**0.7)
        now = contrast(one, ground)
        if now >= least:
            return one
        if now > reached:
            best, reached = one, now
    return best


def blend(field: npt.NDArray[np.float32], colours: list[Colour]) -> npt.NDArray[np.float32]:
    """Turns a field into colours, going from one to the next.

    Args:
        field: float32 [height, width], 0 (the first colour) to 1 (the last).
        colours: one or more.

    Returns:
        float32 [height, width, 3], BGR, 0 to 255.
    """
    stops = np.linspace(0, 255, len(colours))
    levels = np.arange(256)
    table = np.stack([np.interp(levels, stops, [one[c] for one in colours]) for c in range(3)], 1)
    # A table of 256 levels is far cheaper than interpolating each pixel, and its steps cannot be seen.
    places = cv2.convertScaleAbs(field, alpha=255)
    return np.asarray(cv2.LUT(cv2.merge([places] * 3), table.astype(np.float32)[None]), np.float32)
