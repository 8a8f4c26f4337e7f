"""Grids; what quantisation means is what ONNX Runtime's QuantizeLinear does."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.running import OrtRunner
from detquant.numerics import (
    INT8,
    UINT8,
    QType,
    QuantParams,
    QuantSpec,
    dequantize,
    fake_quantize,
    grid_from_range,
    quantize,
)

SYMMETRIC = QuantSpec(qtype=INT8)
ASYMMETRIC = QuantSpec(qtype=UINT8, symmetric=False)
RANGES = [(-1.0, 2.0), (-0.3, 0.1), (0.5, 3.0), (-7.0, -2.0), (0.0, 0.0), (-1e-20, 1e-20), (-3e3, 1e-3)]


@pytest.mark.parametrize("spec", [SYMMETRIC, ASYMMETRIC, QuantSpec(qtype=QType(4), symmetric=False)])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_zero_is_on_the_grid_and_the_range_is_covered(spec, low, high):
    grid = grid_from_range(low, high, spec)
    assert fake_quantize(np.zeros(1, np.float32), grid) == 0.0
    assert grid.low <= min(low, 0.0) + 0.501 * grid.scale
    assert grid.high >= max(high, 0.0) - 0.501 * grid.scale
    assert spec.qtype.qmin <= grid.zero_point <= spec.qtype.qmax


def test_symmetric_takes_the_greater_side():
    grid = grid_from_range(-2.54, 1.0, SYMMETRIC)
    assert grid.scale == np.float32(0.02) and grid.zero_point == 0 and grid.axis is None
    assert grid.high == pytest.approx(2.54)


def test_asymmetric_moves_zero():
    grid = grid_from_range(-1.0, 4.1, ASYMMETRIC)
    assert grid.scale == np.float32(0.02) and grid.zero_point == 50
    assert (grid.low, grid.high) == (pytest.approx(-1.0), pytest.approx(4.1))


def test_a_range_for_each_channel():
    grid = grid_from_range([-1.0, 0.0], [1.0, 12.7], SYMMETRIC, axis=1)
    x = np.array([[[1.0], [1.0]]], np.float32)
    assert grid.scale.shape == grid.zero_point.shape == (2,)
    np.testing.assert_array_equal(quantize(x, grid).ravel(), [127, 10])
    assert dequantize(quantize(x, grid), grid).dtype == np.float32


@pytest.mark.parametrize("grid_of", [SYMMETRIC, ASYMMETRIC])
def test_what_lies_outside_saturates_on_its_own_side(grid_of):
    grid = grid_from_range(-1e-30, 1e-30, grid_of)  # the smallest scale there is
    x = np.array([-np.inf, -1e30, -1e8, 1e8, 1e30, np.inf], np.float32)
    q = grid_of.qtype
    np.testing.assert_array_equal(quantize(x, grid), [q.qmin] * 3 + [q.qmax] * 3)


def test_halves_go_to_the_even_code():
    grid = QuantParams(INT8, np.array(2.0, np.float32), np.array(0))
    x = np.array([1.0, 3.0, 5.0, -1.0, -3.0, -5.0], np.float32)
    np.testing.assert_array_equal(quantize(x, grid), [0, 2, 2, 0, -2, -2])


@pytest.mark.parametrize("qtype", [INT8, UINT8, QType(16, signed=False)])
@pytest.mark.parametrize("axis", [None, 1])
def test_codes_are_those_of_onnx_runtime(build, qtype, axis):
    rng = np.random.default_rng(3)
    channels = 5
    shape = () if axis is None else (channels,)
    kind = np.dtype(str(qtype))
    halves = (rng.integers(-300, 300, (1, channels, 200)) + 0.5) * 0.25
    x = np.concatenate([rng.normal(0, 20, (1, channels, 3000)), halves], axis=2).astype(np.float32)
    scale = np.where(rng.random(shape) < 0.5, 0.25, rng.uniform(0.01, 0.3, shape)).astype(np.float32)
    zero = rng.integers(qtype.qmin // 3, qtype.qmax // 3, shape).astype(kind)
    attributes = {} if axis is None else {"axis": axis}
    model = build(
        [
            ("QuantizeLinear", ["x", "scale", "zero"], ["q"], attributes),
            ("DequantizeLinear", ["q", "scale", "zero"], ["y"], attributes),
            ("Cast", ["q"], ["codes"], {"to": 1}),
        ],
        {"x": [*x.shape]},
        {"codes": None, "y": None},
        {"scale": scale, "zero": np.asarray(zero)},
    )
    found = OrtRunner(model, optimisation="none").run({"x": x})
    grid = QuantParams(qtype, np.asarray(scale), np.asarray(zero, np.int64), axis)
    np.testing.assert_array_equal(quantize(x, grid), found["codes"])
    np.testing.assert_array_equal(fake_quantize(x, grid), found["y"])
    assert len(np.unique(found["codes"])) > 100
