from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra search is not installed")

from detquant.algorithms import Damage
from detquant.algorithms.lapq import stages as module
from detquant.algorithms.lapq.open_network import OpenNetwork
from detquant.algorithms.lapq.stages import Stages
from detquant.algorithms.lapq.steps import Steps
from detquant.graph.running import OrtRunner


class Heads:
    ranked = False

    def scores(self, outputs):
        return outputs["scores"].reshape(-1, 1)

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (outputs["scores"].size, 1))


@pytest.fixture
def setting(small_net, images, calibrated):
    feeds = tuple(images(8))
    measure = Damage(Heads(), OrtRunner(small_net).run, feeds)
    qm, context = calibrated(small_net, feeds)
    start = Steps(params=qm.params, scales={layer: grid.scale for layer, grid in qm.weights.items()})
    return Stages(qm, context, measure, (2.0, 3.0, 4.0), 5), start, feeds


def losing(feeds, searched, held):
    """A loss of 1 at the first steps seen, and of these on the images searched over and held back at any others."""
    first = []

    def cost(self, steps, loss):
        first.append(steps)
        if steps is first[0]:
            return 1.0
        assert len(loss.feeds) == 4
        return searched if loss.feeds[0] is feeds[0] else held

    return cost


@pytest.mark.parametrize(("held", "taken"), [(0.5, True), (0.7, True), (0.8, False), (1.1, False)])
def test_what_is_won_must_hold_on_images_held_back(setting, monkeypatch, held, taken):
    stages, start, feeds = setting

    class Found:
        made = 5

        def __init__(self, *given):
            given[0](start)

        def run(self):
            return replace(start, params=dict(start.params))

    monkeypatch.setattr(module, "JointSearch", Found)
    monkeypatch.setattr(OpenNetwork, "cost", losing(feeds, searched=0.5, held=held))
    found, said = stages.joint(start)
    assert (found is not start) == taken
    assert f"win 50.0% on 4 images and {1 - held:.1%} on the 4 held back" in said


def test_one_power_is_chosen_by_the_loss_of_the_network(setting, monkeypatch):
    stages, start, _ = setting
    losses = {2.0: 0.3, 3.0: 0.2, 4.0: 0.5}
    asked = []

    def at(self, power):
        asked.append(power)
        return replace(start, scales={"power": power})

    monkeypatch.setattr(Stages, "_at", at)
    monkeypatch.setattr(OpenNetwork, "cost", lambda self, steps, loss: losses[steps.scales["power"]])
    found, said = stages.layerwise(start)
    assert found.scales["power"] == 3.0 and said == "layer by layer at p = 3" and asked == [2.0, 3.0, 4.0]
    found, said = stages.quadratic(start)
    assert found.scales["power"] == pytest.approx(2.75) and said == "at p = 2.75 by interpolation"
