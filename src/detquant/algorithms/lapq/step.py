"""LAPQ: the steps of all weights and activations by the loss of the network (Nahshan et al. 2021).

Loss Aware Post-training Quantization, section 4. With few bits the steps of layers depend on each other, so the best of
each tensor alone are not the best of all. Three stages, each of which can be left out:

1. layer-wise: of each tensor the step with the least p-norm of its errors, for several p (`lapq.steps`). One p for all
   tensors is chosen by the loss of the network;
2. quadratic: the losses at these p make a parabola, whose lowest point is tried too (`lapq.interpolation`);
3. joint: Powell's method over all steps at once, from there on (`lapq.joint`). It looks at three quarters of the
   images; what it finds is taken if it is no worse on the others.

The loss of a detector is the damage to its heads, false alarms included (`Damage`), which needs no labels; of a
classifier the cross-entropy, with the labels of the calibration images where they are known, else with what the float
model says (`CrossEntropy`). No stage is taken that loses more than what was there before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, ClassVar

import numpy as np

from detquant.algorithms._base import Context
from detquant.algorithms.cross_entropy import CrossEntropy
from detquant.algorithms.lapq.joint import require_scipy
from detquant.algorithms.lapq.stages import Measure, Stage, Stages
from detquant.algorithms.lapq.steps import Steps
from detquant.algorithms.options import Count, Within
from detquant.calibration import QuantModel, with_weights_on
from detquant.errors import CalibrationError, RecipeError
from detquant.graph.running import OrtRunner
from detquant.recipes import Stage as RecipeStage

Power = Annotated[float, Within(1, 10)]
FEWEST = 4
"""Images without which nothing can be held back from the joint search."""
IN_MEMORY = 256 << 20
"""Bytes of images that a classifier is judged by at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapq:
    """Finds the steps of weights and activations by the loss of the network.

    Attributes:
        layerwise: whether steps are found anew for each tensor; else the search begins with those that are there.
        quadratic: whether the power is interpolated; needs `layerwise`.
        joint: whether all steps are searched together; needs SciPy.
        powers: the powers that are tried.
        evaluations: how often the joint search may run the network on its images.
        images: number of calibration images that a classifier is judged by; a detector is by its informative ones.
    """

    name: ClassVar[str] = "lapq"
    stage: ClassVar[RecipeStage] = RecipeStage.GRIDS

    layerwise: bool = True
    quadratic: bool = True
    joint: bool = True
    powers: tuple[Power, ...] = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    evaluations: Count = 400
    images: Count = 64

    def __post_init__(self) -> None:
        if self.quadratic and not self.layerwise:
            raise RecipeError("quadratic = true interpolates between what layerwise = false leaves out: give both.")
        if not (self.layerwise or self.joint):
            raise RecipeError("layerwise = false and joint = false leave nothing to do.")
        if self.layerwise and not self.powers:
            raise RecipeError("powers is empty: give one at least, such as 2.0.")

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model on the steps found; the same model where none lose less.

        Raises:
            CalibrationError: the loss cannot be measured, since the model's heads are not known, or there are too few
                images.
            MissingExtra: the joint search is asked for, and SciPy is not installed.
        """
        if self.joint:
            require_scipy()
        measure = self._measure(qm, context)
        stages = Stages(qm, context, measure, self.powers, self.evaluations)
        first = at = Steps(params=qm.params, scales={layer: grid.scale for layer, grid in qm.weights.items()})
        least = stages.cost(at)
        told = [f"{least:.4f} at the steps before"]
        for stage in self._asked(stages):
            found, said = stage(at)
            cost = least if found is at else stages.cost(found)
            told.append(f"{cost:.4f} {said}" + (", not taken" if cost > least else ""))
            if cost < least:
                at, least = found, cost
        what = "cross-entropy" if isinstance(measure, CrossEntropy) else "damage"
        sentence = f"lapq: {what} on {len(measure.feeds)} images {', '.join(told)}"
        if at is first:
            return qm.noted(self, sentence, cost=least)
        filled = with_weights_on(replace(qm, params=at.params), stages.network.rounding.weights(at))
        return filled.noted(self, sentence, cost=least)

    def _asked(self, stages: Stages) -> Iterator[Stage]:
        table = ((self.layerwise, stages.layerwise), (self.quadratic, stages.quadratic), (self.joint, stages.joint))
        return (stage for wanted, stage in table if wanted)

    def _measure(self, qm: QuantModel, context: Context) -> Measure:
        """The loss: see the top of this file."""
        if context.damage is None:
            raise CalibrationError("The step 'lapq' needs a model whose heads are known: leave it out of the recipe.")
        heads, run = context.damage.heads, OrtRunner(qm.reference).run
        measure: Measure = context.damage.with_alarms()
        probe = next(iter(context.damage.feeds), None)
        if probe is not None and len(heads.scores(run(probe))) == 1:  # the one cell of a classifier
            most = max(1, IN_MEMORY // max(1, sum(np.asarray(one).nbytes for one in probe.values())))
            count = min(self.images, most, len(context.images))
            feeds = list(islice(context.images, count))
            measure = CrossEntropy(heads, run, feeds, context.images.labels[:count], context.threads)
        if len(measure.feeds) < FEWEST:
            raise CalibrationError(
                f"The step 'lapq' has {len(measure.feeds)} images to judge steps by, and {FEWEST} are the fewest: give "
                "more calibration images."
            )
        return measure
