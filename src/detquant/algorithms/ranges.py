"""Which estimator finds the ranges of activations: the one whose grids cost the heads least on this very net.

No estimator is best on all nets: the smallest error in the tensors, with clipping counted dearly, is on most; one whose
first layers have a few enormous values fares better with ranges that leave those to the guard. So each candidate fills
the whole plan, the activations alone are rounded, and the damage to the heads (`Damage`) decides, on images in which
the float model sees something. The recipe's own estimator stays unless another is clearly better. It comes after the
guard, since a tensor that does most of the damage by itself would hide all else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from detquant.algorithms._base import Context
from detquant.algorithms.damage import with_flags
from detquant.algorithms.options import NotNegative, Share
from detquant.algorithms.replan import planned, planned_again
from detquant.calibration import QuantModel, activation_grids, observer
from detquant.errors import CalibrationError
from detquant.graph.running import OrtRunner
from detquant.graph.switches import with_switches
from detquant.recipes import Stage

ON = "detquant.round"
FIRST_LOOK = 4
"""Number of images on which it is first seen whether much is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Chooses the observer of all activations.

    Attributes:
        observers: names of the candidates besides the recipe's own.
        gain: share of the damage that another observer must take away to be chosen.
        tolerance: damage up to which no other observer is tried.
    """

    name: ClassVar[str] = "ranges"
    stage: ClassVar[Stage] = Stage.CHOICES

    observers: tuple[str, ...] = ("mse", "mean")
    gain: Share = 0.05
    tolerance: NotNegative = 0.05

    def __post_init__(self) -> None:
        for name in self.observers:
            observer(name)

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with the observer whose grids do the least damage; the same model where that is the recipe's.

        Raises:
            CalibrationError: the damage cannot be measured, since the model's heads are not known.
        """
        if context.damage is None:
            raise CalibrationError(
                "The step 'ranges' needs a detector whose heads are known: leave it out of the recipe."
            )
        if not qm.activations:
            return qm
        if damage_of(qm, replace(context, damage=context.damage.limited(FIRST_LOOK))) <= self.tolerance:
            return qm
        costs: dict[str | None, float] = {None: damage_of(qm, context)}
        for done, name in enumerate(self.observers, 1):
            if not observer(name).needs_histogram or qm.statistics.histograms:
                decided = planned(qm, context, name)
                params = activation_grids(qm.reference, decided, qm.statistics)
                costs[name] = damage_of(replace(qm, plan=decided, params=params), context)
            context.tick("choosing ranges", done, len(self.observers))
        best = min(costs, key=costs.__getitem__)
        if costs[best] >= (1 - self.gain) * costs[None]:
            return qm
        told = ", ".join(f"{name or context.recipe.name} {cost:.3f}" for name, cost in costs.items())
        notes = tuple(note for note in qm.notes if note.step != self.name)  # an earlier choice is no more
        chosen = planned_again(replace(qm, observer=best, notes=notes), context)
        return chosen.noted(self, f"ranges: found by '{best}', by damage: {told}", cost=costs[best])


def damage_of(qm: QuantModel, context: Context) -> float:
    """Damage to the heads when activations alone are rounded, weights staying float."""
    assert context.damage is not None, "checked by the caller"
    runner = OrtRunner(with_switches(qm.reference, qm.activations, dict.fromkeys(qm.activations, ON)))
    return context.damage(partial(with_flags, runner.run, {ON: np.array(True)}))
