"""Finetune: quantisation-aware training of the whole network, from the file and images alone.

Weights, their steps, biases, and the steps and offsets of activations move together along a loss that asks for what the
float model computes, at the end of each block and at the heads (`finetune.distillation`). Rounding is passed straight
through (Bengio et al. 2013), steps are learnt as in LSQ (Esser et al. 2020) and offsets as in LSQ+ (Bhalgat et al.
2020), some numbers of activations are not rounded (QDrop, Wei et al. 2022). It starts from weights that another step
has solved: from those rounded to the nearest it learns what `refit` finds in seconds.

One image in ten, and four at least, is held back and judges. The best average of states is taken, and if it is not
clearly better than the start, or the images show the float model nothing, the start comes back as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.finetune.agreement import Agreement
from detquant.algorithms.finetune.budget import Budget, seconds_of
from detquant.algorithms.finetune.known_labels import digest_of_labels, require_known, require_labels
from detquant.algorithms.finetune.settings import CHANNELS, ROUNDING, Aim, Precision, Settings
from detquant.algorithms.finetune.silence import Silence, classifies
from detquant.algorithms.options import Count, NotNegative, Positive, Share, Whole, Within
from detquant.algorithms.reconstruction.settings import FEWEST, held_back, require_torch, spread
from detquant.algorithms.turn import Turn
from detquant.calibration import Curve, Images, QuantModel
from detquant.data import Dataset
from detquant.errors import RecipeError
from detquant.families import Family
from detquant.graph.running import OrtRunner
from detquant.recipes import Stage

if TYPE_CHECKING:
    from detquant.algorithms.finetune.training import Judged

HELD_BACK, FEWEST_JUDGES, MOST_JUDGES = 10, 4, 32
"""One image in so many is held back, and so many at least and, but for a few, at most."""
FEWEST_IN_BATCH, MOST_IN_BATCH, NUMBERS = 4, 32, 4 * 3 * 256 * 256
"""Images of a step where none are told, and numbers that they have together where there are more than the fewest."""
HEARD = 128
"""Images that are looked at for whether the float model sees anything in them, at most."""
LEAST_RIGHT = 0.3
"""Share of the labels that the float model must say, too: else they are not these images', or not its classes'."""
WRONG = "the float model and the labels agree on {:.0%} of the {}, {:.0%} is the least: give their own labels"
FEW = (
    "finetune: nothing was trained, since it has {} of the {} images that it needs at least: of fewer it would learn "
    "what they show and no more"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetune:
    """Trains all numbers of the network together.

    Attributes:
        steps: how many steps there are at most; 300, after pruning 1000, where neither these nor `epochs` nor `minutes`
            are given.
        epochs: how often each image is seen, in place of `steps`.
        minutes: how long it takes by the clock, in place of `steps`: a number, or text such as "20m", "1.5h". Another
            run gives other numbers then.
        images: how many images are looked at, at most; they may be more than those that calibrate.
        batch: images of a step; 4 unless told, and where images are small more, 32 at most.
        lr: how far weights move each time, in steps of a grid of 4 bits; 0.015, after pruning 0.03, unless given.
        step_lr: how far steps and offsets move each time, as a share of themselves.
        warmup: share of the budget in which the rates rise; then they fall along a cosine.
        clip: largest norm of a gradient.
        ema: how much of the average over states stays with each step.
        drop: probability that a number of an activation is not rounded; 0.2, after pruning 0, unless given.
        swings: how often a weight may swing between two codes, as a share of the steps, before it is held at one of
            them; 0 holds none.
        heads: weight of the heads' loss beside that of the blocks; 1, after pruning 20, of a
            classifier 0.1, unless given.
        labels: whether it learns from the labels of its images, too: a classifier from their classes, a detector of
            YOLOv8's family from their boxes; others are refused. Images that nobody has labelled teach as they do
            without.
        device: "cpu" or "cuda".
        precision: what layers of the network that is learnt are multiplied in, "fp32" or "bf16"; all else, and what is
            judged, is fp32.
        seed: of what is drawn.
    """

    name: ClassVar[str] = "finetune"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.LEARNT
    starts_from: ClassVar[tuple[str, ...]] = ("refit", "adaround", "blocks", "cluster")

    steps: Count | None = None
    epochs: Count | None = None
    minutes: Positive | str | None = None
    images: Count = 512
    batch: Count | None = None
    lr: Positive | None = None
    step_lr: Positive = 0.005
    warmup: Share = 0.05
    clip: Positive = 1.0
    ema: Annotated[float, Within(0, 0.9999)] = 0.98
    drop: Share | None = None
    swings: Share = 0.02
    heads: NotNegative | None = None
    labels: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Precision = "fp32"
    seed: Whole = 0

    def __post_init__(self) -> None:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise RecipeError(f"{' and '.join(given)} are given, and only one can say how long to train: choose one.")
        if self.minutes is not None:
            seconds_of(self.minutes)
        if self.labels and self.heads == 0:
            raise RecipeError(
                "labels = true with heads = 0: labels weigh as a part of what the heads do, so they would weigh "
                "nothing. Give heads above 0, or leave one of the two out."
            )
        require_torch()
        self._require_device()

    def require_labels(self, family: Family, model: ir.Model, dataset: Dataset) -> None:
        """See `LearnsFromLabels`."""
        if self.labels:
            require_labels(self.images, family, model, dataset)

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model trained; the same one where that is not clearly better.

        Raises:
            CalibrationError: labels are asked for, and none is known; or the network reads several tensors.
            UnsupportedOperator: an operator before the heads has no counterpart in torch.
            RecipeError: labels are asked for, and there is no loss for them.
        """
        images = spread(context.up_to(self.images), self.images)
        if not qm.weights:
            return qm.noted(self, "finetune: no layer has its weight in codes, so there is nothing to train")
        if len(images) < FEWEST:
            return qm.noted(self, FEW.format(len(images), FEWEST))
        one_row = classifies(context.damage)
        if self.labels:
            require_known(images.labels if one_row else images.objects, classifies=one_row)
        if why := self._silence(qm, spread(images, HEARD), context):
            return qm.noted(self, f"finetune: nothing was trained, since {why}")
        every = max(2, min(HELD_BACK, len(images) // FEWEST_JUDGES), len(images) // MOST_JUDGES)
        learns, judges = held_back(len(images), every)
        from detquant.algorithms.finetune.run import trained

        labels, labelled = (digest_of_labels(images), _labelled(images)) if self.labels else ("", "")
        aim = CHANNELS if qm.original else ROUNDING
        batch = self.batch or min(batch_for(images), len(learns))
        budget = self._budget(len(learns), batch, aim)
        checkpoint = Checkpoint(context.checkpoint(self.name), digest_of(qm, self, len(images), labels))
        given = {one.name: getattr(self, one.name) for one in fields(Settings)} | {"batch": batch}
        usual = aim.options(classifies=one_row)
        settings = Settings(**{name: usual[name] if one is None else one for name, one in given.items()})
        found, curve = trained(qm, images, learns, judges, settings, budget, checkpoint, context, self.device)
        least, won = min(judged.loss for judged in curve), found is not None
        kept = "" if won else " That is no clear gain, so the model stays as it was."
        by_clock = " How many steps there were is the clock's doing: another run gives other numbers." * bool(
            self.minutes
        )
        sentence = (
            f"finetune: {curve[-1].step} steps on {len(learns)} images{labelled}; loss on the {len(judges)} held "
            f"back, as a share of that before: {least:.3f} at best.{kept}{by_clock}"
        )
        return (found or qm).noted(self, sentence, operators=list(qm.weights) if won else (), curve=_told(curve))

    def _budget(self, images: int, batch: int, aim: Aim) -> Budget:
        if self.minutes is not None:
            return Budget(None, seconds_of(self.minutes))
        if self.epochs is not None:
            return Budget(-(-self.epochs * images // batch), None)
        return Budget(self.steps or aim.steps, None)

    def _silence(self, qm: QuantModel, images: Images, context: Context) -> str | None:
        """Why nothing can be learnt from the images; None where something can, or nobody can read the heads."""
        if context.damage is None:
            return None
        heads, runner = context.damage.heads, OrtRunner(qm.reference, context.threads)
        heard, found = Silence(heads), Agreement(heads)
        known = images.objects if self.labels else (None,) * len(images)
        for done, (feed, objects) in enumerate(zip(images, known, strict=True), 1):
            outputs = runner.run(feed)
            heard.hear(outputs)
            found.see(outputs, objects)
            context.tick("finetune: looking at what the float model sees", done, len(images))
        if why := heard.why():
            return f"{why}: give images that show what it finds"
        if not self.labels:
            return None
        right, of = (heard.right(images.labels), "images") if heard.classifies else (found.share, "objects")
        return WRONG.format(right, of, LEAST_RIGHT) if right < LEAST_RIGHT else None

    def _require_device(self) -> None:
        if self.device == "cpu":
            return
        import torch

        if not torch.cuda.is_available():
            raise RecipeError(
                f"Step 'finetune': device = '{self.device}', and PyTorch finds none here: give device = 'cpu', or "
                f"install the PyTorch that is built for it."
            )


def batch_for(images: Images) -> int:
    """Images of a step: as many as are work enough for what each step costs besides."""
    numbers = sum(data.size for data in next(iter(images.part([0]))).values())
    return max(FEWEST_IN_BATCH, min(MOST_IN_BATCH, NUMBERS // max(numbers, 1)))


def _told(curve: Sequence[Judged]) -> Curve:
    """The curve for the report; the last judgement is of what was made in the end."""
    *losses, final = (one.loss if math.isfinite(one.loss) else None for one in curve)
    return Curve(steps=tuple(one.step for one in curve[:-1]), losses=tuple(losses), final=final)


def _labelled(images: Images) -> str:
    """How many images are labelled, in words; nothing where all are."""
    pairs = zip(images.labels, images.objects, strict=True)
    known = sum(label is not None or objects is not None for label, objects in pairs)
    return f" (of all, {known} are labelled)" if known < len(images) else ""
