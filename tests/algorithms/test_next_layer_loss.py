from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms import next_layer_loss as module
from detquant.algorithms.next_layer_loss import NextLayerLoss, NextLayers, with_values
from detquant.graph.running import OrtRunner, with_taps
from detquant.numerics import fake_quantize

MUCH = 1 << 30


@pytest.fixture
def setting(small_net, images, calibrated):
    feeds = tuple(images(3))
    qm, _ = calibrated(small_net, feeds)
    return qm, feeds


def loss_of(qm, root, feeds, params=None, **options):
    [(layers, values)] = with_values(qm.reference, [NextLayers(qm, root)], feeds, MUCH)
    return NextLayerLoss(layers, values, qm.params if params is None else params, **options)


def coarse(grid, factor=20):
    return replace(grid, scale=np.asarray(grid.scale * np.float32(factor), np.float32))


def by_hand(small_net, feeds, grid, without_mean=False):
    """Of the tensor "sum", whose reader is the head: a 1x1 convolution."""
    node = next(n for n in small_net.graph if n.name == "head")
    weight = node.inputs[1].const_value.numpy()[:, :, 0, 0]
    runner = OrtRunner(with_taps(small_net, ["sum"]))
    x = np.concatenate([runner.run(feed)["sum"].reshape(8, -1) for feed in feeds], axis=1).astype(np.float64)
    error = weight @ (fake_quantize(x.astype(np.float32), grid) - x)
    noise = error.var(axis=1) if without_mean else np.square(error).mean(axis=1)
    return noise.sum() / (weight @ x).var(axis=1).sum()


@pytest.mark.parametrize("without_mean", [False, True])
def test_it_is_noise_by_signal_of_what_the_layer_gives(setting, small_net, without_mean):
    qm, feeds = setting
    loss = loss_of(qm, "sum", feeds, without_mean=without_mean)
    for grid in (qm.params["sum"], coarse(qm.params["sum"])):
        assert loss(grid) == pytest.approx(by_hand(small_net, feeds, grid, without_mean), rel=1e-3)


@pytest.mark.parametrize("without_mean", [False, True])
def test_it_stops_where_it_passes_a_limit_and_nowhere_else(setting, monkeypatch, without_mean):
    qm, feeds = setting
    loss, grid = loss_of(qm, "sum", feeds, without_mean=without_mean), coarse(qm.params["sum"])
    whole, seen = loss(grid), []
    run = loss._runner.run
    monkeypatch.setattr(loss._runner, "run", lambda feed: (seen.append(feed), run(feed))[1])
    assert loss(grid, whole) == whole and len(seen) == len(feeds)
    seen.clear()
    assert 0.1 * whole < loss(grid, 0.1 * whole) <= whole and len(seen) < len(feeds)


def test_a_large_tensor_is_looked_at_on_fewer_images(setting, monkeypatch):
    qm, feeds = setting
    layers = [NextLayers(qm, root) for root in qm.plan.owned]
    monkeypatch.setattr(module, "ENOUGH", 3 * min(one.values for one in layers))
    seen = {one.root: len(values) for one, values in with_values(qm.reference, layers, feeds, MUCH)}
    assert seen == {one.root: 3 if 3 * one.values <= module.ENOUGH else 2 for one in layers}
    assert set(seen.values()) == {2, 3}


def test_a_constant_error_costs_nothing_where_a_bias_takes_it(setting):
    qm, feeds = setting
    grid = coarse(qm.params["sum"])
    assert loss_of(qm, "sum", feeds, without_mean=True)(grid) < loss_of(qm, "sum", feeds)(grid)


def test_what_has_a_grid_on_the_way_is_rounded_to_it(setting):
    qm, feeds = setting
    inside = NextLayers(qm, "c1").on_the_way
    assert "silu" in inside and "c1" not in inside
    fine, rough = qm.params, {**qm.params, "silu": coarse(qm.params["silu"], 40)}
    grid = qm.params["c1"]
    assert loss_of(qm, "c1", feeds, rough)(grid) > 10 * loss_of(qm, "c1", feeds, fine)(grid)


def test_where_no_layer_follows_the_tensors_own_error_counts(setting, small_net):
    qm, feeds = setting
    assert NextLayers(qm, "logits").part is None
    runner = OrtRunner(with_taps(small_net, ["logits"]))
    y = np.concatenate([runner.run(feed)["logits"].reshape(4, -1) for feed in feeds], axis=1)
    grid = coarse(qm.params["logits"])
    expected = np.square(fake_quantize(y, grid) - y).mean(axis=1).sum() / y.var(axis=1).sum()
    assert loss_of(qm, "logits", feeds)(grid) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("most", [1, 10_000, MUCH])
def test_memory_does_not_change_the_loss(setting, most):
    qm, feeds = setting
    layers = [NextLayers(qm, root) for root in qm.plan.owned]
    found = {
        one.root: NextLayerLoss(one, values, qm.params)(coarse(qm.params[one.root]))
        for one, values in with_values(qm.reference, layers, feeds, most)
    }
    at_once = {
        one.root: NextLayerLoss(one, values, qm.params)(coarse(qm.params[one.root]))
        for one, values in with_values(qm.reference, layers, feeds, MUCH)
    }
    assert found == pytest.approx(at_once, rel=1e-5)
    assert list(found) == list(qm.plan.owned)
