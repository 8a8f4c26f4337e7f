"""One training from beginning to end: networks made, start measured, trained, channels matched, the best one given."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.finetune.budget import Budget
from detquant.algorithms.finetune.channel_matching import match_channels
from detquant.algorithms.finetune.distillation import Distillation
from detquant.algorithms.finetune.known_labels import OTHER_HEADS, no_loss
from detquant.algorithms.finetune.labels import Label, LabelLoss, label_loss
from detquant.algorithms.finetune.network import Network, network_of, shown_by
from detquant.algorithms.finetune.pictures import Pictures
from detquant.algorithms.finetune.settings import Settings
from detquant.algorithms.finetune.silence import classifies
from detquant.algorithms.finetune.student import Student, put
from detquant.algorithms.finetune.training import Judged, Training
from detquant.algorithms.reconstruction.walk import repeatable
from detquant.calibration import Images, QuantModel
from detquant.errors import RecipeError
from detquant.graph.running import OrtRunner
from detquant.targets.pytorch.threads import on_threads

LOOKED_AT = 32
"""Images that variances and means are found on, at most."""
EXAMPLES = 2
"""Images by which the form of the heads is found."""
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
        shown, held = (Pictures(images, part, device, labelled=settings.labels) for part in (learns, judges))
        seen = shown.first(LOOKED_AT)
        loss = Distillation(network, classifies=classifies(context.damage), heads=settings.heads)
        loss.measure(seen)
        if settings.labels:
            loss.labels = _label_loss(qm, network, loss.logits, seen, context)
        begun = put(network, qm)
        loss.start = loss.mean_terms(begun, held.first(len(held)), held.labels)
        if settings.labels:
            loss.reach = loss.way_to_float(begun, *_labelled(held, shown))
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


def _label_loss(
    qm: QuantModel, network: Network, logits: fx.Node | None, seen: Sequence[torch.Tensor], context: Context
) -> LabelLoss:
    """The loss of labels.

    Raises:
        RecipeError: none is known for the network's heads.
    """
    heads, runner = context.damage.heads if context.damage else None, OrtRunner(shown_by(qm), context.threads)
    [given] = network.twin.inputs
    examples = [(image, runner.run({given: image.cpu().numpy()})) for image in seen[:EXAMPLES]]
    found = label_loss(network, logits, heads, examples)
    if found is None:
        raise RecipeError(no_loss(OTHER_HEADS))
    return found


def _labelled(*pictures: Pictures) -> tuple[list[torch.Tensor], list[Label]]:
    """The first images whose label is known, and their labels."""
    known = [(part, k) for part in pictures for k, label in enumerate(part.labels) if label is not None][:LOOKED_AT]
    return [part[k] for part, k in known], [part.labels[k] for part, k in known]
