"""One training from beginning to end: networks made, start measured, trained, channels matched, the best one given."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.finetune.budget import Budget
from detquant.algorithms.finetune.channel_matching import match_channels
from detquant.algorithms.finetune.distillation import Distillation
from detquant.algorithms.finetune.network import network_of
from detquant.algorithms.finetune.pictures import Pictures
from detquant.algorithms.finetune.settings import Settings, weight_of_heads
from detquant.algorithms.finetune.student import Student, put
from detquant.algorithms.finetune.training import Judged, Training
from detquant.algorithms.reconstruction.walk import repeatable
from detquant.calibration import Images, QuantModel
from detquant.errors import RecipeError
from detquant.targets.pytorch.threads import on_threads

LOOKED_AT = 32
"""Images that variances and means are found on, at most."""
NO_LOSS = (
    "Step 'finetune': labels = true, and how labels are learnt is known here only of classifiers whose graph gives "
    "logits or their softmax: leave the option out, and the network learns from what the float model says."
)
MARGIN = 0.03
"""Share of the loss on images held back that must be won: less may be chance."""


def trained(
    qm: QuantModel,
    images: Images,
    learns: list[int],
    judges: list[int],
    settings: Settings,
    budget: Budget,
    checkpoint: Checkpoint,
    context: Context,
    device: str,
) -> tuple[QuantModel | None, Sequence[Judged]]:
    """Trains a model.

    Args:
        qm: the model.
        images: all images.
        learns: places of those to learn from.
        judges: places of those held back.
        settings: how it is done.
        budget: how long.
        checkpoint: where a run leaves its state.
        context: target, threads, and who is told how far it is.
        device: "cpu", or where else torch computes.

    Raises:
        RecipeError: labels are asked for, and there is no loss for them.

    Returns:
        The model, None where it is not clearly better than the one given; and the losses of the images held back.
    """
    with repeatable(context.threads) if device == "cpu" else on_threads(context.threads):
        network = network_of(qm, "finetune", device)
        assert network is not None, "looked at by the caller"
        shown, held = Pictures(images, learns, device), Pictures(images, judges, device)
        seen = shown.first(LOOKED_AT)
        classifies = _classifies(context)
        heads = weight_of_heads(classifies=classifies) if settings.heads is None else settings.heads
        loss = Distillation(network, classifies=classifies, heads=heads)
        loss.measure(seen)
        if settings.labels and not loss.takes_labels:
            raise RecipeError(NO_LOSS)
        truth = held.labels if settings.labels else None
        loss.start = loss.mean_terms(put(network, qm), held.first(len(held)), truth)
        student = Student(network, qm, seen[0])
        training = Training(student, loss, settings, budget, shown, held, context.target.capability, checkpoint)
        training.run(lambda step, share: context.tick("finetune: training", round(1000 * share), 1000))
        found = training.model()
        least = training.judged(found)
        plain = found
        for steps in (False, True):
            match_channels(student, put(network, plain), seen, steps=steps)
            matched = training.model()
            if (left := training.judged(matched)) < least:
                found, least = matched, left
        curve = [*training.curve, Judged(step=training.curve[-1].step, loss=least)]
        return (found if least < 1.0 - MARGIN else None), curve


def _classifies(context: Context) -> bool:
    """Whether the model is a classifier: its heads are one row of scores."""
    damage = context.damage
    return damage is not None and bool(damage.references) and len(damage.references[0].all_scores) == 1
