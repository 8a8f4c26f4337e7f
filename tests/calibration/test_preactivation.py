from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration.preactivation import FUNCTIONS, HIGHEST, SCORES, useful_low


@pytest.mark.parametrize("kind", sorted(FUNCTIONS))
@pytest.mark.parametrize("high", [0.1, 1.0, 6.0, 16.0, 500.0])
@pytest.mark.parametrize("levels", [15, 255, 65535])
def test_what_is_clipped_changes_the_output_by_half_a_step_at_most(kind, high, levels):
    function = FUNCTIONS[kind]
    low = useful_low(kind, -40.0, high, levels)
    below = np.linspace(-40.0, low, 2000).astype(np.float32)
    change = np.abs(function(below) - function(np.float32(low)))
    half_step = 0.5 * min(max(high, 0.5), HIGHEST) / levels
    assert change.max() <= half_step * 1.0001
    assert -40.0 < low <= -1.5
    if low < -1.5:  # and no more is kept than that asks for
        assert abs(float(function(np.float32(low + 0.06)))) > half_step


@pytest.mark.parametrize("low", [-2.0, -1.0, 0.0, 0.5])
def test_what_was_never_seen_is_not_represented(low):
    assert useful_low("silu", low, 100.0, 255) >= low


@pytest.mark.parametrize("kind", sorted(FUNCTIONS))
def test_the_functions_are_those_of_onnx_runtime(build, kind):
    from detquant.graph.running import OrtRunner

    rows = {
        "silu": [("Sigmoid", ["x"], ["g"], {}), ("Mul", ["x", "g"], ["y"], {})],
        "mish": [("Mish", ["x"], ["y"], {})],
        "hardswish": [("HardSwish", ["x"], ["y"], {})],
    }
    x = np.linspace(-100, 100, 4001, dtype=np.float32)
    expected = OrtRunner(build(rows[kind], {"x": [4001]}, {"y": None})).run({"x": x})["y"]
    np.testing.assert_allclose(FUNCTIONS[kind](x), expected, atol=2e-6, rtol=2e-6)


def test_scores_that_nobody_shows_are_clipped():
    assert 0.0005 < 1 / (1 + np.exp(-useful_low(SCORES, -30.0, 4.0))) < 0.001
    assert useful_low(SCORES, -3.0, 4.0) == -3.0
