"""Textures: scalar fields from 0 to 1 that become fills and backgrounds once they are given colours.

All are made of small random grids that are enlarged, or of waves, so a picture's worth takes a millisecond.
None repeats the outline of a class: bricks are no squares, and there are no dots.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Texture = Callable[[int, int, np.random.Generator], Field]


def _plain(height: int, width: int, rng: np.random.Generator) -> Field:
    return np.full((height, width), rng.random(), np.float32)


def _gradient(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field that rises from one side to the other."""
    return _stretched(_slope(height, width, rng.uniform(0, 2 * np.pi)))


def _radial(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field that rises from a point within towards the rim."""
    y, x = np.ogrid[:height, :width]
    cy, cx = rng.uniform(0.2, 0.8, 2) * (height, width)
    return _stretched(np.asarray(np.sqrt((y - cy) ** 2 + (x - cx) ** 2), np.float32))


def _stripes(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of straight waves with soft or hard edges."""
    wave = _wave(height, width, rng.uniform(0, 2 * np.pi), rng)
    return sharpened(wave, rng.uniform(0.6, 4))


def _weave(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of two waves across each other."""
    angle = rng.uniform(0, 2 * np.pi)
    across = angle + rng.uniform(0.35, 0.65) * np.pi
    field = _wave(height, width, angle, rng) * _wave(height, width, across, rng)
    return sharpened(field, rng.uniform(0.6, 1.6))


def clouds(height: int, width: int, rng: np.random.Generator) -> Field:
    """Value noise: octaves of random grids, each twice as fine and about half as strong.

    Each octave is added to the enlarged ones before it, so only the last step is as large as the picture.

    Args:
        height: px.
        width: px.
        rng: the stream it is drawn from.

    Returns:
        float32 [height, width], stretched to 0 to 1.
    """
    cells, weight, fade = int(rng.integers(2, 6)), 1.0, rng.uniform(0.4, 0.65)
    field = rng.random((cells, cells), np.float32)
    while cells * 2 <= max(height, width) / 2:
        cells, weight = cells * 2, weight * fade
        field = _enlarged(field, cells, cells) + np.float32(weight) * rng.random((cells, cells), np.float32)
    return _stretched(_enlarged(field, height, width))


def _marble(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of a wave that runs through clouds: veins of marble, rings of wood, ripples."""
    veins = clouds(height, width, rng) * np.float32(rng.uniform(2, 9))
    run = _slope(height, width, rng.uniform(0, 2 * np.pi)) * np.float32(rng.uniform(2, 14) / max(height, width))
    return sharpened(np.sin(veins + run), 0.5)


def _camouflage(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of clouds in a few steps, like a map."""
    steps = np.float32(rng.integers(3, 6))
    floors = np.floor(clouds(height, width, rng) * np.float32(0.999) * steps)
    return np.asarray(floors / (steps - 1), np.float32)


def _bricks(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of long cells, each of one value."""
    few, many = int(rng.integers(2, 6)), int(rng.integers(12, 28))
    rows, columns = (few, many) if rng.random() < 0.5 else (many, few)
    return _grid(height, width, rows, columns, cv2.INTER_NEAREST, rng)


def _grain(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of speckles of one or two pixels, as of stone or felt."""
    cell = rng.uniform(1, 2.5)
    rows, columns = max(int(height / cell), 1), max(int(width / cell), 1)
    return _grid(height, width, rows, columns, cv2.INTER_LINEAR, rng)


def _mist(height: int, width: int, rng: np.random.Generator) -> Field:
    """A field of a few wide, soft spots: what is out of focus."""
    return _stretched(_grid(height, width, int(rng.integers(2, 5)), int(rng.integers(2, 5)), cv2.INTER_CUBIC, rng))


FILLS: dict[str, Texture] = {
    "plain": _plain,
    "gradient": _gradient,
    "radial": _radial,
    "stripes": _stripes,
    "weave": _weave,
    "clouds": clouds,
    "marble": _marble,
    "camouflage": _camouflage,
    "bricks": _bricks,
    "grain": _grain,
}

GROUNDS: dict[str, Texture] = {
    "gradient": _gradient,
    "mist": _mist,
    "clouds": clouds,
    "marble": _marble,
    "stripes": _stripes,
    "weave": _weave,
    "camouflage": _camouflage,
    "bricks": _bricks,
}


def _slope(height: int, width: int, angle: float) -> Field:
    """The distance in a direction, px."""
    y, x = np.ogrid[:height, :width]
    return np.asarray(x * np.cos(angle) + y * np.sin(angle), np.float32)


def _wave(height: int, width: int, angle: float, rng: np.random.Generator) -> Field:
    """A sine, -1 to 1, of a wavelength between 3 px and half the side."""
    length = np.exp(rng.uniform(np.log(3.0), np.log(max(height, width) / 2 + 3)))
    turn = np.float32(2 * np.pi / length)
    phase = np.float32(rng.uniform(0, 2 * np.pi))
    return np.asarray(np.sin(_slope(height, width, angle) * turn + phase), np.float32)


def _grid(height: int, width: int, rows: int, columns: int, how: int, rng: np.random.Generator) -> Field:
    """Random values on a small grid, enlarged."""
    return _enlarged(rng.random((rows, columns), np.float32), height, width, how)


def _enlarged(field: Field, height: int, width: int, how: int = cv2.INTER_CUBIC) -> Field:
    return np.asarray(cv2.resize(field, (width, height), interpolation=how), np.float32)


def _stretched(field: Field) -> Field:
    """A field that reaches from 0 to 1."""
    low, high = field.min(), field.max()
    return np.asarray((field - low) / max(high - low, np.float32(1e-6)), np.float32)


def sharpened(field: Field, slope: float) -> Field:
    """0 where a field is well below zero, 1 where it is well above, and the slope between."""
    return np.asarray(np.clip(field * np.float32(slope) + np.float32(0.5), 0, 1), np.float32)
