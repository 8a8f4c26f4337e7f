"""Finetune: quantisation-aware training of the whole network, without labels and from the file alone.

Weights, their steps, biases, and the steps and offsets of activations move together along a loss that asks for what the
float model computes, at the end of each block and at the heads (`finetune.distillation`). Rounding is passed straight
through (Bengio et al. 2013), steps are learnt as in LSQ (Esser et al. 2020) and offsets as in LSQ+ (Bhalgat et al.
2020), some numbers of activations are not rounded (QDrop, Wei et al. 2022). It starts from weights that another step
has solved: from those rounded to the nearest it learns what `refit` finds in seconds.

One image in ten, and four at least, is held back and judges. The best average of states is taken, and if it is not
clearly better than the start, or the images show the float model nothing, the start comes back as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.finetune.budget import Budget, seconds_of
from detquant.algorithms.finetune.settings import CHANNELS, ROUNDING, Aim, Settings
from detquant.algorithms.finetune.silence import Silence
from detquant.algorithms.options import Count, NotNegative, Positive, Share, Whole, Within
from detquant.algorithms.reconstruction.settings import chosen_images, held_back, require_torch
from detquant.calibration import Images, QuantModel
from detquant.errors import RecipeError
from detquant.graph.running import OrtRunner
from detquant.recipes import Stage

if TYPE_CHECKING:
    from detquant.algorithms.finetune.training import Judged

HELD_BACK, FEWEST_JUDGES = 10, 4
"""One image in so many is held back, and so many at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetune:
    """Trains all numbers of the network together.

    Attributes:
        steps: how many steps there are at most; 300, after pruning 1000, where neither these nor `epochs` nor `minutes`
            are given.
        epochs: how often each image is seen, in place of `steps`.
        minutes: how long it takes by the clock, in place of `steps`: a number, or text such as "20m", "1.5h". Another
            run gives other numbers then.
        images: how many calibration images are looked at, at most.
        batch: images of a step.
        lr: how far weights move each time, in steps of a grid of 4 bits.
        step_lr: how far steps and offsets move each time, as a share of themselves.
        warmup: share of the budget in which the rates rise; then they fall along a cosine.
        clip: largest norm of a gradient.
        ema: how much of the average over states stays with each step.
        drop: probability that a number of an activation is not rounded; 0.2, after pruning 0, unless given.
        heads: weight of the heads' loss beside that of the blocks; 0.1, after pruning 1, unless given.
        device: "cpu" or "cuda".
        seed: of what is drawn.
    """

    name: ClassVar[str] = "finetune"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    starts_from: ClassVar[tuple[str, ...]] = ("refit", "adaround", "blocks")

    steps: Count | None = None
    epochs: Count | None = None
    minutes: Positive | str | None = None
    images: Count = 128
    batch: Count = 4
    lr: Positive = 0.01
    step_lr: Positive = 0.002
    warmup: Share = 0.05
    clip: Positive = 1.0
    ema: Annotated[float, Within(0, 0.9999)] = 0.98
    drop: Share | None = None
    heads: NotNegative | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    seed: Whole = 0

    def __post_init__(self) -> None:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise RecipeError(f"{' and '.join(given)} are given, and only one can say how long to train: choose one.")
        if self.minutes is not None:
            seconds_of(self.minutes)
        require_torch()

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model trained; the same one where that is not clearly better.

        Raises:
            CalibrationError: there are too few images, or an activation of the float model is not finite.
            UnsupportedOperator: an operator before the heads has no counterpart in torch.
            RecipeError: the device is not there.
        """
        images = chosen_images(context.images, self.name, self.images)
        learns, judges = held_back(len(images), max(2, min(HELD_BACK, len(images) // FEWEST_JUDGES)))
        if not qm.weights:
            return qm.noted(self, "finetune: no layer has its weight in codes, so there is nothing to train")
        if why := _silence(qm, images, context):
            return qm.noted(self, f"finetune: nothing was trained, since {why}: give images that show what it finds")
        self._require_device()
        from detquant.algorithms.finetune.run import trained

        aim = CHANNELS if qm.original else ROUNDING
        budget = self._budget(len(learns), aim)
        checkpoint = Checkpoint(context.checkpoint(self.name), digest_of(qm, self, len(images)))
        given = {one.name: getattr(self, one.name) for one in fields(Settings)}
        settings = Settings(**{name: getattr(aim, name) if one is None else one for name, one in given.items()})
        found, curve = trained(qm, images, learns, judges, settings, budget, checkpoint, context, self.device)
        least, won = min(judged.loss for judged in curve), found is not None
        kept = "" if won else " That is no clear gain, so the model stays as it was."
        by_clock = " How many steps there were is the clock's doing: another run gives other numbers." * bool(
            self.minutes
        )
        sentence = (
            f"finetune: {curve[-1].step} steps on {len(learns)} images; loss on the {len(judges)} held back, as a "
            f"share of that before: {least:.3f} at best. {_curve(curve)}.{kept}{by_clock}"
        )
        return (found or qm).noted(self, sentence, operators=list(qm.weights) if won else ())

    def _budget(self, images: int, aim: Aim) -> Budget:
        if self.minutes is not None:
            return Budget(None, seconds_of(self.minutes))
        if self.epochs is not None:
            return Budget(-(-self.epochs * images // self.batch), None)
        return Budget(self.steps or aim.steps, None)

    def _require_device(self) -> None:
        if self.device == "cpu":
            return
        import torch

        if not torch.cuda.is_available():
            raise RecipeError(
                f"Step 'finetune': device = '{self.device}', and PyTorch finds none here: give device = 'cpu', or "
                f"install the PyTorch that is built for it."
            )


def _silence(qm: QuantModel, images: Images, context: Context) -> str | None:
    """Why nothing can be learnt from the images; None where something can, or nobody knows how to read the heads."""
    if context.damage is None:
        return None
    heard, model = Silence(context.damage.heads), qm.original.model if qm.original else qm.reference
    runner = OrtRunner(model, context.threads)
    for done, feed in enumerate(images, 1):
        heard.hear(runner.run(feed))
        context.tick("finetune: looking at what the float model sees", done, len(images))
    return heard.why()


def _curve(curve: Sequence[Judged]) -> str:
    """The losses by step, in words."""
    return "By steps: " + ", ".join(f"{one.step}: {one.loss:.3f}" for one in curve)
