"""The outlines of the ten classes, and of the distractors that belong to none.

Classes come in families that look alike when they are small: disc, ring, crescent and hexagon; square, hexagon
and cross; star, triangle, heart and arrow. Each outline varies within what a person would still call by its
name, and its corners may be softened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Contours = tuple[Points, ...]  # the first is the outside, others are holes
Shape = Callable[[np.random.Generator], Contours]

_ROUND = 64  # points of a circle: the chord of one of 160 px leaves the arc by a tenth of a pixel
_SQUASH = 1.28
_PERSPECTIVE = 0.16


def outline(shape: Shape, size: float, rng: np.random.Generator) -> Contours:
    """A shape with soft corners, turned, squashed and seen a little from the side.

    Args:
        shape: from `SHAPES` or `DISTRACTORS`.
        size: the longer side of its bounding box, px.
        rng: the stream it is drawn from.

    Returns:
        Contours of float64 [points, 2], px, with the bounding box centred on the origin.
    """
    contours = shape(rng)
    if rng.random() < 0.5 and len(contours[0]) < _ROUND:  # what is round has no corners
        contours = tuple(_soften(points, rng.uniform(0.04, 0.16)) for points in contours)
    squash = _SQUASH ** rng.uniform(-0.5, 0.5)
    matrix = np.diag([squash, 1 / squash]) @ _rotation(rng.uniform(0, 2 * np.pi))
    tilt = rng.uniform(-_PERSPECTIVE, _PERSPECTIVE, 2)
    moved = [points @ matrix for points in contours]
    moved = [points / (1 + points @ tilt)[:, None] for points in moved]
    low, high = moved[0].min(0), moved[0].max(0)
    return tuple((points - (low + high) / 2) * (size / (high - low).max()) for points in moved)


def _rotation(angle: float) -> Points:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _soften(points: Points, ratio: float) -> Points:
    """Cuts every corner twice (Chaikin, "An algorithm for high-speed curve generation", 1974)."""
    for _ in range(2):
        ahead = np.roll(points, -1, axis=0)
        cut = np.stack([points + (ahead - points) * ratio, ahead + (points - ahead) * ratio], 1)
        points = cut.reshape(-1, 2)
    return points


def _arc(radius: float, start: float, stop: float, centre: Sequence[float] = (0, 0)) -> Points:
    """Points on a circle from one angle to another, both included."""
    angles = np.linspace(start, stop, _ROUND)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], 1) * radius + np.asarray(centre), np.float64)


def _around(radii: Points | Sequence[float]) -> Points:
    """Points at the given distances from the origin, evenly turned."""
    angles = np.arange(len(radii)) * (2 * np.pi / len(radii))
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], 1) * np.asarray(radii)[:, None], np.float64)


def _polygon(*corners: tuple[float, float]) -> Contours:
    return (np.array(corners, np.float64),)


def _disc(rng: np.random.Generator) -> Contours:
    return (_around([1.0] * _ROUND),)


def _ring(rng: np.random.Generator) -> Contours:
    return _around([1.0] * _ROUND), _around([rng.uniform(0.36, 0.62)] * _ROUND)


def _crescent(rng: np.random.Generator) -> Contours:
    """A disc less another that is moved to the right; they meet at x."""
    away, radius = rng.uniform(0.46, 0.66), rng.uniform(0.74, 0.88)
    x = (1 - radius**2 + away**2) / (2 * away)
    outer = np.arccos(x)
    inner = np.arctan2(np.sin(outer), x - away)
    bite = _arc(radius, 2 * np.pi - inner, inner, (away, 0))[1:-1]
    return (np.concatenate([_arc(1.0, outer, 2 * np.pi - outer), bite]),)


def _square(rng: np.random.Generator) -> Contours:
    return (_around([1.0] * 4),)


def _hexagon(rng: np.random.Generator) -> Contours:
    return (_around([1.0] * 6),)


def _triangle(rng: np.random.Generator) -> Contours:
    return (_around([1.0] * 3),)


def _star(rng: np.random.Generator) -> Contours:
    return (_around([1.0, rng.uniform(0.4, 0.54)] * 5),)


def _cross(rng: np.random.Generator) -> Contours:
    w = rng.uniform(0.25, 0.4)
    quarter = np.array([(1, -w), (1, w), (w, w)], np.float64)
    return (np.concatenate([quarter @ _rotation(turn * np.pi / 2) for turn in range(4)]),)


def _heart(rng: np.random.Generator) -> Contours:
    t = np.arange(_ROUND) * (2 * np.pi / _ROUND)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return (np.stack([16 * np.sin(t) ** 3, -y], 1) / 16,)


def _arrow(rng: np.random.Generator) -> Contours:
    neck, w, head = rng.uniform(-0.1, 0.2), rng.uniform(0.16, 0.3), rng.uniform(0.65, 0.85)
    return _polygon((1, 0), (neck, head), (neck, w), (-1, w), (-1, -w), (neck, -w), (neck, -head))


SHAPES: dict[str, Shape] = {
    "disc": _disc,
    "ring": _ring,
    "crescent": _crescent,
    "square": _square,
    "hexagon": _hexagon,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "arrow": _arrow,
}


def _bar(rng: np.random.Generator) -> Contours:
    w = rng.uniform(0.12, 0.34)
    return _polygon((1, w), (-1, w), (-1, -w), (1, -w))


def _oval(rng: np.random.Generator) -> Contours:
    return (_around([1.0] * _ROUND) * (1, rng.uniform(0.22, 0.42)),)


def _blob(rng: np.random.Generator) -> Contours:
    t = np.arange(_ROUND) * (2 * np.pi / _ROUND)
    low, high = rng.uniform(0.25, 0.4), rng.uniform(0.1, 0.22)
    turn = rng.uniform(0, 2 * np.pi, 2)
    return (_around(1 + low * np.cos(2 * t + turn[0]) + high * np.cos(3 * t + turn[1])),)


def _corner(rng: np.random.Generator) -> Contours:
    w, up = rng.uniform(0.3, 0.55), rng.uniform(1.0, 2.0)
    return _polygon((0, 0), (2, 0), (2, w), (w, w), (w, up), (0, up))


def _zigzag(rng: np.random.Generator) -> Contours:
    w = rng.uniform(0.3, 0.6)
    xs = np.array([-1.5, -0.5, 0.5, 1.5])
    ys = np.array([-0.5, 0.5, -0.5, 0.5]) * rng.uniform(0.7, 1.3)
    return (np.concatenate([np.stack([xs, ys], 1), np.stack([xs, ys + w], 1)[::-1]]),)


def _leaf(rng: np.random.Generator) -> Contours:
    half = rng.uniform(0.7, 1.0)
    upper = _arc(1.0, np.pi / 2 - half, np.pi / 2 + half)[:-1] - (0, np.cos(half))
    return (np.concatenate([upper, -upper]),)


def _hourglass(rng: np.random.Generator) -> Contours:
    w = rng.uniform(0.08, 0.25)
    return _polygon((1, 0.7), (0, w), (-1, 0.7), (-1, -0.7), (0, -w), (1, -0.7))


DISTRACTORS: dict[str, Shape] = {
    "bar": _bar,
    "oval": _oval,
    "blob": _blob,
    "corner": _corner,
    "zigzag": _zigzag,
    "leaf": _leaf,
    "hourglass": _hourglass,
}
