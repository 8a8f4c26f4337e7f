"""The three stages of LAPQ, each from steps to steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from detquant.algorithms._base import Context
from detquant.algorithms.cross_entropy import CrossEntropy
from detquant.algorithms.damage import Damage
from detquant.algorithms.lapq.interpolation import lowest_point
from detquant.algorithms.lapq.joint import JointSearch
from detquant.algorithms.lapq.open_network import OpenNetwork
from detquant.algorithms.lapq.steps import Histograms, Steps
from detquant.calibration import QuantModel

Measure = Damage | CrossEntropy
SEARCHED = 1 / 2
"""Share of the images that the joint search looks at; what it finds must hold on the others."""
HOLDS = 1 / 2
"""Share of what is won on the images that are looked at that must be won on the others too: of few, much is luck."""
LEAST = 1e-9


class Stages:
    """The stages for one model.

    Args:
        qm: the model.
        context: facts, and who is told how far it is.
        measure: the loss.
        powers: the powers that are tried.
        evaluations: how often the joint search may run the network.
    """

    def __init__(
        self, qm: QuantModel, context: Context, measure: Measure, powers: Sequence[float], evaluations: int
    ) -> None:
        self._qm, self._context, self._measure = qm, context, measure
        self._powers, self._evaluations = sorted(set(powers)), evaluations
        self.network = OpenNetwork(qm, context.target.capability, context.threads)
        self._losses: dict[float, float] = {}
        self._histograms: Histograms | None = None

    def cost(self, steps: Steps) -> float:
        """The loss of steps on all images."""
        return self.network.cost(steps, self._measure)

    def layerwise(self, start: Steps) -> tuple[Steps, str]:
        """The steps of each tensor alone, at the power that loses least (stage 1)."""
        found: dict[float, Steps] = {}
        for done, power in enumerate(self._powers, 1):
            found[power] = self._at(power)
            self._losses[power] = self.cost(found[power])
            self._context.tick("lapq: steps of each layer", done, len(self._powers))
        best = min(self._losses, key=self._losses.__getitem__)
        return found[best], f"layer by layer at p = {best:g}"

    def quadratic(self, start: Steps) -> tuple[Steps, str]:
        """The same at the lowest point of the parabola through these losses (stage 2)."""
        power = lowest_point(self._losses)
        if power is None:
            return start, "with no lowest point between the powers"
        return self._at(power), f"at p = {power:.2f} by interpolation"

    def joint(self, start: Steps) -> tuple[Steps, str]:
        """All steps searched together (stage 3)."""
        images = len(self._measure.feeds)
        few = max(1, round(SEARCHED * images))
        searched, held = self._measure.limited(few), self._measure.beyond(few)
        search = JointSearch(
            partial(self.network.cost, loss=searched),
            start,
            list(self._qm.plan.owned),
            list(self._qm.plan.weights),
            self._evaluations,
            self._tick,
            [root for root, spec in self._qm.plan.owned.items() if spec.power_of_two],
        )
        found = search.run()
        won, holds = (self._won(start, found, part) for part in (searched, held))
        said = (
            f"after {search.made} evaluations of the joint search, which win {won:.1%} on {few} images and {holds:.1%} "
            f"on the {images - few} held back"
        )
        return (start if holds < HOLDS * won else found), said

    def _won(self, start: Steps, found: Steps, part: Measure) -> float:
        """The share of the loss that is gone on some of the images."""
        return 1 - self.network.cost(found, part) / max(self.network.cost(start, part), LEAST)

    def _tick(self, made: int) -> None:
        self._context.tick("lapq: joint search", made, self._evaluations)

    def _at(self, power: float) -> Steps:
        """The steps with the least sum of errors to a power."""
        if self._histograms is None:
            self._histograms = Histograms(self._qm, self._measure.feeds, self._context.threads)
        params = {**self._qm.params, **self._histograms.least_errors(power)}
        return Steps(params=params, scales=self.network.rounding.least_errors(params, power))


Stage = Callable[[Steps], tuple[Steps, str]]
