"""The joint search over all steps by Powell's method (stage 3): line after line, then along what has helped.

Steps multiply, so the search is over the logarithms of what each step is multiplied with, from 0 on, within `REACH`.
Where steps are powers of two each becomes the nearest one. Tensors of one layer stand beside each other, its input
before its weight, in the order of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from detquant.algorithms.lapq.steps import Steps
from detquant.errors import MissingExtra
from detquant.numerics.powers_of_two import nearest_power

REACH = 0.6
"""Powers of two by which a step may become finer or coarser."""
FINE = 0.1
"""Powers of two to which a line is searched."""

Vector = npt.NDArray[np.float64]


class _Enough(Exception):
    """As many evaluations have been made as there may be."""


class JointSearch:
    """Powell's search from some steps on; the best that was seen counts.

    Args:
        cost: loss of steps.
        start: the steps to begin with.
        roots: the activations whose steps may change.
        layers: the layers whose weights' steps may change.
        evaluations: how often the loss is asked for at most.
        tick: told how many evaluations have been made.
        powers: those of the activations whose steps are powers of two.

    Raises:
        MissingExtra: SciPy is not installed.
    """

    def __init__(
        self,
        cost: Callable[[Steps], float],
        start: Steps,
        roots: Sequence[str],
        layers: Sequence[str],
        evaluations: int,
        tick: Callable[[int], None],
        powers: Collection[str] = (),
    ) -> None:
        require_scipy()
        self._cost, self._start, self._evaluations, self._tick = cost, start, evaluations, tick
        self._roots, self._layers, self._powers = tuple(roots), tuple(layers), frozenset(powers)
        self.made, self.least, self.best = 0, float("inf"), start

    def run(self) -> Steps:
        """The steps with the least loss that were seen."""
        minimize = import_module("scipy.optimize").minimize
        size = len(self._roots) + len(self._layers)
        options = {"maxfev": self._evaluations, "xtol": FINE, "ftol": 1e-3}
        bounds = [(-REACH, REACH)] * size
        with suppress(_Enough):
            minimize(self._loss, np.zeros(size), method="Powell", bounds=bounds, options=options)
        return self.best

    def _loss(self, factors: Vector) -> float:
        if self.made >= self._evaluations:
            raise _Enough
        steps = self._at(factors)
        loss = self._cost(steps)
        self.made += 1
        self._tick(self.made)
        if loss < self.least:
            self.least, self.best = loss, steps
        return loss

    def _at(self, factors: Vector) -> Steps:
        """The steps at these logarithms of factors, activations before weights."""
        of_roots, of_layers = np.split(np.exp2(factors), [len(self._roots)])
        params, scales = dict(self._start.params), dict(self._start.scales)
        for root, factor in zip(self._roots, of_roots, strict=True):
            grid = params[root]
            scale = grid.scale * factor
            found = nearest_power(scale) if root in self._powers else np.asarray(scale, np.float32)
            params[root] = replace(grid, scale=found)
        for layer, factor in zip(self._layers, of_layers, strict=True):
            scales[layer] = np.asarray(scales[layer] * factor, np.float32)
        return Steps(params=params, scales=scales)


def require_scipy() -> None:
    """Refuses to go on without SciPy.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("scipy") is None:
        raise MissingExtra("SciPy", "search")
