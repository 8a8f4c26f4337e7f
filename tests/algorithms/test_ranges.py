from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms import Damage, build_algorithm
from detquant.algorithms import ranges as module
from detquant.algorithms.ranges import Ranges, damage_of
from detquant.algorithms.replan import keep_more_float
from detquant.errors import CalibrationError, RecipeError
from detquant.graph.running import OrtRunner


class Heads:
    """Scores as the net gives them; boxes that never move."""

    ranked = False

    def scores(self, outputs):
        return outputs["scores"].reshape(-1, 1)

    def boxes(self, outputs):
        return np.tile(np.array([0, 0, 8, 8], np.float32), (outputs["scores"].size, 1))


def said(qm):
    return tuple(note.sentence for note in qm.notes)


@pytest.fixture
def setting(small_net, images, calibrated):
    feeds = tuple(images(4))
    damage = Damage(Heads(), OrtRunner(small_net).run, feeds)
    return calibrated(small_net, feeds, observer="tails", damage=damage)


def told(monkeypatch, costs):
    """Damage by the observer of the grids; the recipe's own is "tails"."""

    def cost(qm, context):
        return costs[qm.plan.points["c1"].spec.observer]

    monkeypatch.setattr(module, "damage_of", cost)


def test_the_observer_that_costs_least_finds_the_ranges(setting, monkeypatch, calibrated, small_net, images):
    qm, context = setting
    told(monkeypatch, {"tails": 0.1, "mean": 0.05, "mse": 0.06})
    found = Ranges()(qm, context)
    expected, _ = calibrated(small_net, tuple(images(4)), observer="mean")
    assert found.observer == "mean" and found.plan.owned == expected.plan.owned
    for name, grid in expected.params.items():
        assert (found.params[name].scale, found.params[name].zero_point) == (grid.scale, grid.zero_point)
    assert said(found) == ("ranges: found by 'mean', by damage: w8a8 0.100, mse 0.060, mean 0.050",)
    later = keep_more_float(found, {"second": "not wanted"}, context)
    assert later.observer == "mean" and later.plan.points["c1"].spec.observer == "mean"


@pytest.mark.parametrize(
    "costs", [{"tails": 0.1, "mean": 0.1, "mse": 0.2}, {"tails": 0.1, "mean": 0.099, "mse": 0.096}]
)
def test_the_recipes_own_stays_unless_another_is_clearly_better(setting, monkeypatch, costs):
    qm, context = setting
    told(monkeypatch, costs)
    assert Ranges()(qm, context) is qm
    assert Ranges(gain=0.0)(qm, context).observer == ("mse" if costs["mse"] < 0.1 else None)


def test_where_little_is_lost_nothing_else_is_tried(setting, monkeypatch):
    qm, context = setting
    told(monkeypatch, {"tails": 0.05})
    assert Ranges()(qm, context) is qm


def test_damage_is_that_of_rounded_activations(setting, calibrated, small_net, images):
    qm, context = setting
    assert 0 < damage_of(qm, context) < 0.1
    coarse = {name: replace(grid, scale=grid.scale * np.float32(20)) for name, grid in qm.params.items()}
    assert damage_of(replace(qm, params=coarse), context) > 3 * damage_of(qm, context)


def test_observers_without_their_histograms_are_passed_over(setting, monkeypatch):
    qm, context = setting
    qm = replace(qm, statistics=replace(qm.statistics, histograms={}))
    told(monkeypatch, {"tails": 0.1, "mean": 0.05})
    assert build_algorithm("ranges", {"observers": ["entropy", "mean"]})(qm, context).observer == "mean"


def test_what_cannot_be_measured_is_said(setting):
    qm, context = setting
    with pytest.raises(CalibrationError, match="leave it out of the recipe"):
        Ranges()(qm, replace(context, damage=None))
    with pytest.raises(RecipeError, match="Unknown observer 'meen': did you mean 'mean'"):
        Ranges(observers=("meen",), tolerance=0.0)(qm, context)
