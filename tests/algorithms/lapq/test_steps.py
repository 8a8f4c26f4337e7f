from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.lapq.steps import Histograms, Rounding, Steps
from detquant.calibration import invariant_violation, with_weights_on
from detquant.graph.running import OrtRunner, with_taps
from detquant.numerics import PerAxis, QType, QuantSpec, fake_quantize
from detquant.recipes import Recipe, Rule


@pytest.fixture
def setting(small_net, images, calibrated):
    weight = QuantSpec(qtype=QType(3), granularity=PerAxis(0), observer="mse")
    recipe = Recipe(
        name="w3a4",
        rules=(Rule(weight=weight, activation=QuantSpec(qtype=QType(4, False), symmetric=False)),),
    )
    return calibrated(small_net, tuple(images(4)), recipe=recipe, target="pytorch")


def test_a_large_power_clips_less(setting):
    qm, context = setting
    histograms = Histograms(qm, context.images.informative)
    fine, coarse = histograms.least_errors(1.0), histograms.least_errors(6.0)
    assert fine.keys() == coarse.keys() == qm.plan.owned.keys()
    assert sum(float(coarse[r].high) >= float(fine[r].high) for r in fine) >= len(fine) - 1
    assert float(coarse["sum"].high) > float(fine["sum"].high)


@pytest.mark.parametrize("power", [2.0, 4.0])
def test_steps_of_activations_have_nearly_the_least_error(setting, small_net, power):
    qm, context = setting
    feeds = context.images.informative
    runner = OrtRunner(with_taps(small_net, ["sum"]))
    x = np.concatenate([runner.run(feed)["sum"].ravel() for feed in feeds])

    def error(grid):
        return float((np.abs(fake_quantize(x, grid) - x).astype(np.float64) ** power).mean())

    found = Histograms(qm, feeds).least_errors(power)["sum"]
    assert error(found) <= 1.001 * error(qm.params["sum"])


def test_weights_at_the_power_of_two_are_those_of_calibration(setting):
    qm, context = setting
    rounding = Rounding(qm, context.target.capability)
    scales = rounding.least_errors(qm.params, 2.0)
    for layer, scale in scales.items():
        np.testing.assert_array_equal(scale, qm.weights[layer].scale)
    filled = with_weights_on(qm, rounding.weights(Steps(params=qm.params, scales=scales)))
    for before, after in zip(qm.model.graph, filled.model.graph, strict=True):
        if before.name in qm.plan.weights:
            np.testing.assert_array_equal(before.inputs[1].const_value.numpy(), after.inputs[1].const_value.numpy())


def test_any_steps_leave_a_sound_model(setting):
    qm, context = setting
    rounding = Rounding(qm, context.target.capability)
    for factor in (0.0, 0.3, 3.0):
        scales = {layer: np.asarray(grid.scale * factor, np.float32) for layer, grid in qm.weights.items()}
        filled = with_weights_on(qm, rounding.weights(Steps(params=qm.params, scales=scales)))
        assert invariant_violation(filled, context.target.capability) is None


def test_weights_whose_steps_stay_are_not_rounded_again(setting):
    qm, context = setting
    rounding = Rounding(qm, context.target.capability)
    scales = {layer: grid.scale for layer, grid in qm.weights.items()}
    first = rounding.weights(Steps(params=qm.params, scales=scales))
    second = rounding.weights(Steps(params=qm.params, scales={**scales, "second": scales["second"] * 2}))
    assert [layer for layer in first if first[layer] is not second[layer]] == ["second"]
