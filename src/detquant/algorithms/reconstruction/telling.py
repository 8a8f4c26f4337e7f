"""A step that learns rounding, as the recipe takes it: images chosen, the net reconstructed, a note left."""

from __future__ import annotations

from detquant.algorithms._base import Context
from detquant.algorithms.checkpoint import Checkpoint, digest_of
from detquant.algorithms.reconstruction.settings import Settings, chosen_images
from detquant.calibration import QuantModel, Speaker


def told_of(step: Speaker, qm: QuantModel, context: Context, settings: Settings) -> QuantModel:
    """The model reconstructed, with a note of how far it went.

    Args:
        step: the algorithm.
        qm: the model.
        context: images, target, threads, and where an interrupted run goes on.
        settings: how it is done.
    """
    images = chosen_images(context.images, settings.step, settings.images)
    from detquant.algorithms.reconstruction.learnt_units import LearntUnits
    from detquant.algorithms.reconstruction.walk import reconstruct

    done = reconstruct(
        qm,
        images,
        settings,
        context.target.capability,
        LearntUnits(Checkpoint(context.checkpoint(step.name), digest_of(qm, settings))),
        threads=context.threads,
        told=lambda now, total: context.tick(f"{step.name}: learning to round", now, total),
    )
    taken = [outcome for outcome in done.outcomes if outcome.taken]
    layers = [name for outcome in taken for name in outcome.layers]
    if not done.outcomes:
        return done.qm.noted(step, f"{step.name}: no layer has its weight in codes")
    before = sum(outcome.before for outcome in done.outcomes) / len(done.outcomes)
    after = sum(outcome.after if outcome.taken else outcome.before for outcome in done.outcomes) / len(done.outcomes)
    every = sum(len(outcome.layers) for outcome in done.outcomes)
    sentence = (
        f"{step.name}: {len(layers)} of {every} layers rounded anew, in {len(taken)} of {len(done.outcomes)} units; "
        f"the others are not clearly better for it. Mean squared error of a unit on images held back: {before:.2%} of "
        f"its output, {after:.2%} now. {len(images)} images, whose tensors took up to {done.bytes / 1e6:.0f} MB on the "
        "disk"
    )
    return done.qm.noted(step, sentence, operators=layers)
