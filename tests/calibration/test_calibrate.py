from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from detquant.calibration import Collector, calibrate, with_weight_grids
from detquant.calibration.preactivation import useful_low
from detquant.graph.running import OrtRunner
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_weight
from detquant.numerics import fake_quantize, sqnr_db
from detquant.recipes import Choice, load_recipe, plan
from detquant.targets.ort import CAPABILITY

W8A8 = load_recipe("w8a8")
UNWANTED = Choice(weight=None, activation=None, why="not wanted")


def weight(model, name):
    return constant(weight_of(model.graph.node(name)))


def observed_by(observer):
    """The recipe w8a8 with another observer of activations."""
    rule = W8A8.rules[0]
    return replace(W8A8, rules=(replace(rule, activation=replace(rule.activation, observer=observer)),))


@pytest.fixture
def filled(small_net, images):
    """The quantised small net."""

    def make(observer="minmax"):
        points = plan(small_net, observed_by(observer), CAPABILITY)
        table = images()
        collector = Collector(model=small_net, plan=points, by_channel=("x", "silu", "joined"))
        statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
        return calibrate(small_net, points, statistics, CAPABILITY)

    return make


@pytest.mark.parametrize("observer", ["minmax", "mean", "moving_average", "percentile", "mse", "tails", "entropy"])
def test_the_quantised_net_computes_nearly_the_same(small_net, filled, images, observer):
    qm = filled(observer)
    expected, found = OrtRunner(small_net), OrtRunner(qm.qdq())
    for feed in images(3):
        # Histograms of 24 thousand values are coarse, and ranges drawn in cost some of them.
        assert sqnr_db(expected.run(feed)["scores"], found.run(feed)["scores"]) > 30.0
    assert sum(node.op_type == "QuantizeLinear" for node in qm.qdq().graph) == len(qm.activations)


def test_ranges_are_those_of_the_statistics(filled):
    qm = filled()
    low, high = qm.statistics.bounds("sum")
    assert float(qm.params["sum"].scale) == pytest.approx((high - low) / 255)
    assert float(qm.params["gate"].scale) == pytest.approx(1 / 255)  # known beforehand
    low, high = qm.statistics.bounds("c1")
    low = useful_low("silu", low, high, 255)
    assert float(qm.params["c1"].low) == pytest.approx(low, abs=float(qm.params["c1"].scale))
    assert qm.activations["pool"] is qm.activations["relu"] is qm.params["relu"]


def test_weights_lie_on_their_grids_and_the_reference_is_float(small_net, filled):
    qm = filled()
    assert qm.reference is small_net and set(qm.weights) == {"first", "second", "third"}
    for name, grid in qm.weights.items():
        np.testing.assert_array_equal(fake_quantize(weight(qm.model, name), grid), weight(qm.model, name))
        assert np.abs(weight(qm.model, name) - weight(small_net, name)).max() > 0


def test_weights_of_an_earlier_decision_are_taken_over_where_they_would_be_the_same(small_net, filled, monkeypatch):
    qm = filled("mean")
    made = []
    calibrate_module = sys.modules["detquant.calibration.calibrate"]
    search = calibrate_module.weight_grid
    monkeypatch.setattr(
        calibrate_module, "weight_grid", lambda node, *a, **k: made.append(node.name) or search(node, *a, **k)
    )
    fewer = plan(small_net, observed_by("mean"), CAPABILITY, {"second": UNWANTED})
    fresh = calibrate(small_net, fewer, qm.statistics, CAPABILITY)
    assert set(made) == {"first", "third"}
    # The image's range is found in another way: "first" is looked for again, and so is nobody else.
    x = fewer.points["x"]
    other = replace(qm.plan, points=qm.plan.points | {"x": replace(x, spec=replace(x.spec, observer="minmax"))})
    before = calibrate(small_net, other, qm.statistics, CAPABILITY)
    made.clear()
    after = calibrate(small_net, fewer, qm.statistics, CAPABILITY, before)
    assert made == ["first"]
    for name, grid in fresh.weights.items():
        np.testing.assert_array_equal(after.weights[name].scale, grid.scale)
        np.testing.assert_array_equal(weight(after.model, name), weight(fresh.model, name))


def test_ranges_of_an_earlier_decision_are_taken_over_where_they_would_be_the_same(small_net, filled, monkeypatch):
    qm = filled("tails")
    looked = []
    calibrate_module = sys.modules["detquant.calibration.calibrate"]
    search = calibrate_module._range
    monkeypatch.setattr(
        calibrate_module, "_range", lambda v, p, s, root, spec: looked.append(root) or search(v, p, s, root, spec)
    )
    fewer = plan(small_net, observed_by("tails"), CAPABILITY, {"second": UNWANTED})
    fresh = calibrate(small_net, fewer, qm.statistics, CAPABILITY)
    known = {name for name in fewer.owned if fewer.points[name] == qm.plan.points.get(name)}
    assert set(looked) == set(fewer.owned) and known
    looked.clear()
    after = calibrate(small_net, fewer, qm.statistics, CAPABILITY, qm)
    assert not known & set(looked)
    for name, grid in fresh.params.items():
        assert (after.params[name].scale, after.params[name].zero_point) == (grid.scale, grid.zero_point)


def test_weight_grids_start_from_the_reference_again(filled):
    qm = filled()
    again = with_weight_grids(with_weight_grids(qm, CAPABILITY), CAPABILITY)
    for name in qm.weights:
        np.testing.assert_array_equal(weight(again.model, name), weight(qm.model, name))


def test_a_tensor_without_known_peaks_may_hold_anything_on_its_grid(small_net, filled):
    qm = filled()
    qm = replace(qm, statistics=replace(qm.statistics, channel_peaks={}))
    name = "third"
    replace_weight(small_net.graph.node(name), np.full((8, 16, 1, 1), 0.5, np.float32))
    found = with_weight_grids(qm, CAPABILITY)
    free = with_weight_grids(qm, replace(CAPABILITY, pair_saturation=False))
    codes, careless = (weight(m.model, name) / m.weights[name].scale.reshape(-1, 1, 1, 1) for m in (found, free))
    assert 2 * 255 * np.abs(codes).max() <= 32767 < 2 * 255 * np.abs(careless).max()
