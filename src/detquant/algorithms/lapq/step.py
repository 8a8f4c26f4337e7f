"""LAPQ: the steps of all weights and activations by the loss of the network (Nahshan et al. 2021).

Loss Aware Post-training Quantization, section 4. With few bits the steps of layers depend on each other, so the best of
each tensor alone are not the best of all. Three stages, each of which can be left out:

1. layer-wise: of each tensor the step with the least p-norm of its errors, for several p (`lapq.steps`). One p for all
   tensors is chosen by the loss of the network;
2. quadratic: the losses at these p make a parabola, whose lowest point is tried too (`lapq.interpolation`);
3. joint: Powell's method over all steps at once, from there on (`lapq.joint`). It looks at half of the images; what it
   finds is taken if at least half of what is won there is won on the others too.

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
from detquant.algorithms.damage import Damage
from detquant.algorithms.lapq.joint import require_scipy
from detquant.algorithms.lapq.stages import Measure, Stage, Stages
from detquant.algorithms.lapq.steps import Steps
from detquant.algorithms.options import Count, Within
from detquant.calibration import Feed, Images, QuantModel, with_weights_on
from detquant.errors import CalibrationError, RecipeError
from detquant.graph.running import OrtRunner
from detquant.recipes import Stage as RecipeStage

Power = Annotated[float, Within(1, 10)]
FEWEST = 4
"""Images without which nothing can be held back from the joint search."""
FOR_CLASSIFIERS = 64
"""Images that a classifier is judged by unless the user says how many; a detector is by its informative ones."""
IN_MEMORY = 256 << 20
"""Bytes of images that are held at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapq:
    """Finds the steps of weights and activations by the loss of the network.

    Attributes:
        layerwise: whether steps are found anew for each tensor; else the search begins with those that are there.
        quadratic: whether the power is interpolated; needs `layerwise`.
        joint: whether all steps are searched together; needs SciPy.
        powers: the powers that are tried.
        evaluations: how often the joint search may run the network on its images.
        images: number of calibration images that the loss is measured on, as far as they fit into memory; None for
            64 of a classifier, and for the informative ones of a detector.
    """

    name: ClassVar[str] = "lapq"
    stage: ClassVar[RecipeStage] = RecipeStage.GRIDS

    layerwise: bool = True
    quadratic: bool = True
    joint: bool = True
    powers: tuple[Power, ...] = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    evaluations: Count = 400
    images: Count | None = None

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
            told.append(f"{cost:.4f} {said}" + (", not taken" if found is at or cost > least else ""))
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
        damage, run = context.damage, OrtRunner(qm.reference).run
        measure: Measure = damage
        classifies = len(damage.heads.scores(run(damage.feeds[0]))) == 1 if damage.feeds else False  # its one cell
        if count := self.images or (FOR_CLASSIFIERS if classifies else None):
            feeds = _held(context.images, count)
            labels = context.images.labels[: len(feeds)]
            if classifies:
                measure = CrossEntropy(damage.heads, run, feeds, labels, damage.workers)
            else:
                measure = Damage(damage.heads, run, feeds, damage.workers, context.executor)
        if len(measure.feeds) < FEWEST:
            raise CalibrationError(
                f"The step 'lapq' has {len(measure.feeds)} images to judge steps by, and {FEWEST} are the fewest: give "
                "more calibration images."
            )
        return measure if isinstance(measure, CrossEntropy) else measure.with_alarms()


def _held(images: Images, count: int) -> list[Feed]:
    """The first images, in memory: so many, or fewer where there are no more or they are large."""
    held, size = list[Feed](), 0
    for feed in islice(images, count):
        size += sum(np.asarray(one).nbytes for one in feed.values())
        if held and size > IN_MEMORY:
            break
        held.append(feed)
    return held
