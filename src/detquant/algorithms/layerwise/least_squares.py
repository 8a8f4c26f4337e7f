"""Sums over positions from which a layer is solved: what is kept of all images is as large as the layer, no larger.

With inputs ``x`` of the quantised network and outputs ``y`` of the float one,

    min over w, b of   E |w x + b - y|^2  +  ridge |w - w_0|^2

has, with means taken out (the bias has them), the solution ``w (C + r I) = D + r w_0`` where ``C = cov(x, x)``,
``D = cov(y, x)`` and ``r`` is ``ridge`` times the mean of C's diagonal. What any other weight costs more than this one
is ``(w - w*) (C + r I) (w - w*)^T``, which is what rounding goes by.

The ridge is found for each layer by solving on one half of the images and looking at the error on the other. Where a
map is small, positions are few for as many weights, and much of it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detquant.numerics.arrays import Doubles, Floats

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Those that are tried. At eight bits there is little to make good, and the largest leave the float weight as it is."""
FIRST = RIDGES.index(1e-1)
"""The one that is tried first: the error falls towards the best one and rises behind it, and each costs a solution."""
MOST_STRETCH = 1.5
"""Factor on a solution's rows at most: where more would be needed, what is read is noise."""
CHUNK = 4096
"""Positions that are multiplied at a time."""


class Sums:
    """Sums of products over positions, for each group.

    Args:
        x: a point near the inputs' means, ``[G, K, 1]``, from which they are counted: single precision loses what
            varies little about a large mean.
        y: such a point of outputs, ``[G, O, 1]``.
        centred: whether the layer has a bias that takes means out; if not, both points are zero.
    """

    def __init__(self, x: Floats, y: Floats, *, centred: bool = True) -> None:
        (groups, inputs, _), outputs = x.shape, y.shape[1]
        self.count, self.centred, self.origin = 0.0, centred, (x, y)
        self.xx = np.zeros((groups, inputs, inputs))
        self.yx = np.zeros((groups, outputs, inputs))
        self.x, self.y = np.zeros((groups, inputs)), np.zeros((groups, outputs))
        self.yy = np.zeros((groups, outputs))
        self._waiting: list[tuple[Floats, Floats, Floats]] = []

    def add(self, x: Floats, y: Floats, weights: Floats) -> None:
        """Adds positions: inputs ``[G, K, P]``, outputs ``[G, O, P]``, and how much each counts, ``[P]``."""
        self._waiting.append((x, y, weights))
        if sum(len(weights) for _, _, weights in self._waiting) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Adds up what waits for others."""
        if not self._waiting:
            return
        x, y, weights = (np.concatenate(arrays, axis=-1) for arrays in zip(*self._waiting, strict=True))
        self._waiting.clear()
        x, y, root = x - self.origin[0], y - self.origin[1], np.sqrt(weights)
        self.x += (x * weights).sum(axis=2, dtype=np.float64)
        self.y += (y * weights).sum(axis=2, dtype=np.float64)
        x, y = x * root, y * root
        for group, inputs in enumerate(x):  # a matrix by its own transpose is one half of the work
            self.xx[group] += inputs @ inputs.T
        self.yx += y @ x.swapaxes(1, 2)
        self.yy += np.square(y, dtype=np.float64).sum(axis=2)
        self.count += float(weights.sum(dtype=np.float64))

    def __add__(self, other: Sums) -> Sums:
        self.flush()
        other.flush()
        both = Sums(*self.origin, centred=self.centred)
        for name in ("count", "xx", "yx", "x", "y", "yy"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def moments(self) -> Moments:
        """Means and covariances."""
        self.flush()
        x, y = self.x / self.count, self.y / self.count
        a, b = (x, y) if self.centred else (np.zeros_like(x), np.zeros_like(y))
        return Moments(
            x=x + self.origin[0][..., 0],
            y=y + self.origin[1][..., 0],
            xx=self.xx / self.count - a[:, :, None] * a[:, None, :],
            yx=self.yx / self.count - b[:, :, None] * a[:, None, :],
            yy=self.yy / self.count - np.square(b),
            centred=self.centred,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Means, and covariances about them, of a layer's inputs and wished outputs.

    Attributes:
        x: ``[G, K]``.
        y: ``[G, O]``.
        xx: ``[G, K, K]``.
        yx: ``[G, O, K]``.
        yy: ``[G, O]``.
        centred: whether the layer has a bias; covariances are about zero where it has none.
    """

    x: Doubles
    y: Doubles
    xx: Doubles
    yx: Doubles
    yy: Doubles
    centred: bool

    def bias(self, rows: Floats) -> Floats:
        """The bias that leaves no mean error with a weight ``[G, O, K]``: ``[G, O]``."""
        return np.asarray(self.y - (rows @ self.x[:, :, None])[..., 0], np.float32)

    def error(self, rows: Floats) -> Floats:
        """Mean squared error of each output with its best bias, ``[G, O]``."""
        w = np.asarray(rows, np.float64)
        return np.asarray(np.maximum(self.yy - 2 * (w * self.yx).sum(axis=2) + ((w @ self.xx) * w).sum(axis=2), 0.0))

    def unshrunk(self, rows: Floats) -> Floats:
        """A weight ``[G, O, K]`` whose outputs vary as much as those that are wished for.

        Least squares answers noise in its inputs with smaller weights. With few bits all layers do, and what is left of
        a score in the end is too little.

        Args:
            rows: a solution.
        """
        w = np.asarray(rows, np.float64)
        variance = ((w @ self.xx) * w).sum(axis=2)
        stretch = np.sqrt(self.yy / np.maximum(variance, 1e-30))
        return np.asarray(w * np.clip(stretch, 1.0, MOST_STRETCH)[..., None], np.float32)

    def solved(self, start: Doubles, ridge: float) -> tuple[Floats, Floats]:
        """The weight ``[G, O, K]`` that is wished for, and the matrix ``[G, K, K]`` of what others cost.

        Args:
            start: the float weight, ``w_0``.
            ridge: see above.
        """
        size = self.xx.shape[1]
        r = np.maximum(ridge * np.trace(self.xx, axis1=1, axis2=2) / size, 1e-12)[:, None, None]
        h = self.xx + r * np.eye(size)
        w = np.linalg.solve(h, (self.yx + r * start).swapaxes(1, 2)).swapaxes(1, 2)
        return np.asarray(w, np.float32), np.asarray(h, np.float32)


class Halves:
    """Sums over two halves of the images, of which each can look at what the other says.

    Args:
        x: inputs of an image, ``[G, K, P]``, for the shape and for where they are.
        y: outputs of it, ``[G, O, P]``.
        centred: see `Sums`.
    """

    def __init__(self, x: Floats, y: Floats, *, centred: bool) -> None:
        origins = [np.float32(centred) * one.mean(axis=2, keepdims=True, dtype=np.float32) for one in (x, y)]
        self._sums = [Sums(*origins, centred=centred) for _ in range(2)]

    def add(self, image: int, x: Floats, y: Floats, weights: Floats) -> None:
        """Adds positions of an image, named by its place, see `Sums.add`."""
        self._sums[image % 2].add(x, y, weights)

    def whole(self) -> Moments:
        """Over all images."""
        one, other = self._sums
        return (one + other).moments()

    def best_ridge(self, start: Doubles) -> float:
        """The ridge of the smallest error, each half solved and looked at by the other.

        Args:
            start: the float weight.
        """
        one, other = (sums.moments() for sums in self._sums)

        def error(ridge: float) -> float:
            return sum(float(b.error(a.solved(start, ridge)[0]).sum()) for a, b in ((one, other), (other, one)))

        return _lowest(error, RIDGES, FIRST)


def _lowest(function: Callable[[float], float], places: Sequence[float], first: int) -> float:
    """The place where a function that falls and then rises is lowest, from one place downhill to the next."""
    values = {first: function(places[first])}
    here, step = first, 1
    while True:
        there = here + step
        if 0 <= there < len(places) and there not in values:
            values[there] = function(places[there])
            if values[there] < values[here]:
                here = there
                continue
        if step < 0 or here != first:
            return places[here]
        step = -1
