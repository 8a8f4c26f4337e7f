"""A model whose float graph is another: planned, looked at and calibrated from the beginning."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from detquant.algorithms._base import Context
from detquant.algorithms.damage import Heads
from detquant.algorithms.replan import planned
from detquant.calibration import Collector, Feed, QuantModel, calibrate, informativeness
from detquant.recipes import Stage


def calibrated_again(qm: QuantModel, context: Context) -> QuantModel:
    """The model on its ``reference``, with a plan, statistics and grids of that graph.

    Args:
        qm: a model whose reference has been replaced.
        context: the images, the recipe and the target.
    """
    decided, model = planned(qm, context, qm.observer), qm.reference
    layers = decided.weights.keys() & set(decided.integer)
    inputs = {node.inputs[0].name or "" for node in model.graph if node.name in layers and node.inputs[0]}
    collector = Collector(
        model=model,
        plan=decided,
        by_channel=sorted(inputs),
        range_tolerance=context.recipe.range_tolerance,
        informativeness=partial(_shown, context.damage.heads) if context.damage else None,
        threads=context.threads,
        executor=context.executor,
        progress=context.progress,
    )
    statistics = collector.collect(lambda which: iter(context.images.part(which)), len(context.images))
    fresh = calibrate(model, decided, statistics, context.target.capability)
    notes = qm.notes_until(Stage.GRAPH)
    return replace(fresh, original=qm.original, choices=qm.choices, observer=qm.observer, notes=notes)


def _shown(heads: Heads, outputs: Feed) -> float:
    return informativeness(heads.scores(outputs))
