"""What algorithms are given in the pipeline, on nets made in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from detquant.algorithms import Context
from detquant.calibration import Collector, Images, QuantModel, calibrate
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target


@pytest.fixture
def calibrated() -> Callable[..., tuple[QuantModel, Context]]:
    """calibrated(model, feeds, head="int", observer=None): the quantised model before any step, and its context.

    `recipe` and `target` are w8a8 and ort unless they are given.
    """

    def make(model, feeds, head="int", observer=None, recipe=None, target="ort", **more) -> tuple[QuantModel, Context]:
        target, recipe = load_target(target), replace(recipe or load_recipe("w8a8"), head=head)
        if observer:
            rules = (replace(r, activation=replace(r.activation, observer=observer)) for r in recipe.rules)
            recipe = replace(recipe, rules=tuple(rules))
        points = plan(model, recipe, target.capability)
        readers = [n for n in model.graph if n.name in points.weights]
        collector = Collector(model=model, plan=points, by_channel=sorted({n.inputs[0].name for n in readers}))
        statistics = collector.collect(lambda positions: (feeds[k] for k in positions), len(feeds))
        qm = calibrate(model, points, statistics, target.capability)
        return qm, Context(target=target, recipe=recipe, images=Images.of(feeds), **more)

    return make
