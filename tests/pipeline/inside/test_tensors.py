"""The figures of a tensor's loss against those that NumPy gives on the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.calibration import Collector, calibrate
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.graph.traits import weight_of
from detquant.numerics import fake_quantize, sqnr_db
from detquant.pipeline.as_blocks import blocks_of
from detquant.pipeline.evidence import sqnr
from detquant.pipeline.inside import tensors as module
from detquant.pipeline.inside.tensors import BINS, tensor_losses
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target

CAPABILITY = load_target("ort").capability


@pytest.fixture
def quantised(small_net, images):
    """quantised(observer): the small net by the rules of w8a8, its ranges found so."""

    def make(observer="mse"):
        table = images()
        points = plan(small_net, load_recipe("w8a8").observed_by(observer), CAPABILITY)
        collector = Collector(model=small_net, plan=points, by_channel=("x",))
        statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
        return calibrate(small_net, points, statistics, CAPABILITY)

    return make


def numbers_of(model, name, feeds):
    runner = OrtRunner(with_taps_only(model.reference, [name]))
    return np.concatenate([runner.run(feed)[name].ravel() for feed in feeds])


def test_every_activation_and_weight_in_the_order_of_the_graph(quantised, images):
    model = quantised()
    found = tensor_losses(model, {"relu": 30.0, "silu": 120.0}, images(2), 1)
    assert [one.name for one in found][:4] == ["x", "first_w", "c1", "gate"]
    assert {one.name for one in found if one.kind == "activation"} == set(model.activations)
    assert [one.operator for one in found if one.kind == "weight"] == list(model.weights)
    by_name = {one.name: one for one in found}
    assert by_name["x"].operator == "" and by_name["relu"].operator == "relu"
    assert (by_name["relu"].cumulative_db, by_name["silu"].cumulative_db) == (30.0, None)
    assert all(len(one.counts) == BINS and sum(one.counts) > 0 for one in found)
    assert all(one.seen_low <= one.seen_high and 0 <= one.clipped <= 100 for one in found)


def test_grids_are_as_they_are(quantised, images):
    model = quantised()
    for one in tensor_losses(model, {}, images(1), 1):
        grid = model.activations[one.name] if one.kind == "activation" else model.weights[one.operator]
        assert (one.bits, one.steps, one.zero_point) == (8, grid.scale.size, int(grid.zero_point.ravel()[0]))
        assert one.scale == pytest.approx(float(np.median(grid.scale)))
        assert (one.low, one.high) == (pytest.approx(grid.low.min()), pytest.approx(grid.high.max()))


@pytest.mark.parametrize("observer", ["minmax", "mse"])
def test_the_error_alone_is_that_of_the_numbers(quantised, images, observer):
    """From a histogram of calibration (mse), and from the images themselves (minmax): the same images here."""
    model, feeds = quantised(observer), images()
    found = {one.name: one for one in tensor_losses(model, {}, feeds, 1)}
    assert ("relu" in model.statistics.histograms) == (observer == "mse")
    for name in ("relu", "pool", "joined", "sum"):
        numbers = numbers_of(model, name, feeds)
        alone = sqnr_db(numbers, fake_quantize(numbers, model.activations[name]))
        assert found[name].alone_db == pytest.approx(alone, abs=0.5 if observer == "mse" else 1e-3)
        assert found[name].seen_high == pytest.approx(float(numbers.max()), rel=1e-5)


def test_a_histogram_has_the_numbers_in_their_bins(quantised, images):
    model, feeds = quantised("minmax"), images()
    found = {one.name: one for one in tensor_losses(model, {}, feeds, 1)}["silu"]
    numbers = numbers_of(model, "silu", feeds)
    expected, _ = np.histogram(numbers, BINS, (numbers.min(), numbers.max()))
    assert np.abs(np.array(found.counts) - expected).sum() <= 0.001 * numbers.size


@pytest.mark.parametrize("observer", ["minmax", "mse"])
def test_what_is_cut_off_is_counted(quantised, images, observer):
    model, feeds = quantised(observer), images()
    numbers = numbers_of(model, "relu", feeds)
    grid = model.params["relu"]
    narrow = replace(grid, scale=np.float32(np.quantile(numbers, 0.9) / 255), zero_point=np.int64(grid.qtype.qmin))
    cut = replace(model, params={**model.params, "relu": narrow})
    found = {one.name: one for one in tensor_losses(cut, {}, feeds, 1)}
    assert found["relu"].clipped == pytest.approx(10.0, abs=1.0)
    assert found["relu"].alone_db < {one.name: one for one in tensor_losses(model, {}, feeds, 1)}["relu"].alone_db


def test_what_a_function_flattens_is_no_error(quantised, images):
    """SiLU's input is cut off where SiLU is flat: its own numbers are far off, the function's result is not."""
    model, feeds = quantised(), images()
    assert model.plan.preactivations["c1"] == "silu"
    far = replace(model.params["c1"], scale=np.float32(0.02), zero_point=np.int64(model.params["c1"].qtype.qmin + 60))
    cut = replace(model, params={**model.params, "c1": far})
    numbers = numbers_of(cut, "c1", feeds)
    rounded = fake_quantize(numbers, far)
    silu = [x / (1 + np.exp(-x.astype(np.float64))) for x in (numbers, rounded)]
    found = {one.name: one for one in tensor_losses(cut, {}, feeds, 1)}["c1"]
    assert found.alone_db == pytest.approx(sqnr_db(*silu), abs=0.5)


def test_scores_that_nobody_is_shown_cost_nothing():
    """A head that is sure of nothing has logits far below those that are represented."""
    low = np.float32([-30.0, -22.0, -9.0])
    assert module._decibels(low, np.full_like(low, -7.0), module._sigmoid) is None
    shown = module._decibels(np.float32([2.0, -30.0]), np.float32([2.1, -7.0]), module._sigmoid)
    assert shown is not None and 30 < shown < 45


def test_a_weight_against_the_float_one(quantised, images):
    model = quantised()
    [node] = [one for one in model.reference.graph if one.name == "third"]
    before = weight_of(node).const_value.numpy()
    [after] = [weight_of(one).const_value.numpy() for one in model.model.graph if one.name == "third"]
    [found] = [
        one for one in tensor_losses(model, {}, images(1), 1) if one.operator == "third" and one.kind == "weight"
    ]
    assert found.alone_db == pytest.approx(sqnr_db(before, after), abs=1e-6) and found.cumulative_db is None
    assert (found.seen_low, found.seen_high) == (pytest.approx(before.min()), pytest.approx(before.max()))
    assert sum(found.counts) == before.size


def test_many_tensors_are_looked_at_in_several_runs(quantised, images, monkeypatch):
    model = quantised("minmax")
    whole = tensor_losses(model, {}, images(2), 1)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    for one, other in zip(tensor_losses(model, {}, images(2), 1), whole, strict=True):
        assert one.name == other.name and one.alone_db == pytest.approx(other.alone_db, abs=0.1)
        assert np.abs(np.subtract(one.counts, other.counts)).sum() <= 0.01 * sum(other.counts)


def test_of_large_tensors_a_part_is_looked_at(quantised, images, monkeypatch):
    model, feeds = quantised("minmax"), images()
    whole = {one.name: one for one in tensor_losses(model, {}, feeds, 1)}
    monkeypatch.setattr(module, "MOST", 1000)
    part = {one.name: one for one in tensor_losses(model, {}, feeds, 1)}
    for name in ("relu", "sum"):
        assert sum(part[name].counts) <= 1000 < sum(whole[name].counts)
        assert (part[name].seen_low, part[name].seen_high) == (whole[name].seen_low, whole[name].seen_high)
        assert part[name].alone_db == pytest.approx(whole[name].alone_db, abs=1.0)


def test_without_images_what_calibration_kept_is_told(quantised):
    model = quantised()
    found = tensor_losses(model, {}, (), 1)
    assert {one.name for one in found if one.kind == "activation"} == set(model.activations) & set(
        model.statistics.histograms
    )
    assert sum(one.kind == "weight" for one in found) == len(model.weights)


def test_bins_are_those_of_numpy():
    numbers = np.random.default_rng(3).normal(size=5000).astype(np.float32)
    for low, high in ((numbers.min(), numbers.max()), (-0.5, 1.5), (-3e38, 2e38)):
        some = np.clip(numbers, np.float32(low), np.float32(high))
        found = module._counts(some, float(low), float(high))
        assert np.abs(found - np.histogram(some, BINS, (low, high))[0]).sum() <= 2
    assert list(module._counts(np.float32([np.inf, 0]), 0.0, np.inf)) == [2] + [0] * (BINS - 1)
    for size in (64, 100, 2048, 2049):
        assert [part[0] for part in np.array_split(np.arange(size), BINS)] == list(module._parts(size))


def test_results_of_blocks_are_told_with_the_tensors(quantised, images):
    """So that nobody has to run the images again for them."""
    model = quantised()
    on_grids, others = sqnr(model, model.qdq(), images(2), 1)
    results = {value.name for block in blocks_of(model.reference, model.plan) for value in block.results}
    assert results - set(on_grids) and not set(on_grids) & set(others) and set(others) <= results
    assert set(on_grids) <= set(model.activations) and all(np.isfinite(list(others.values())))
