"""Limits of weights as algorithms that round see them."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import AllowedCodes, WeightLimits, weight_grid
from detquant.calibration.limits import BIAS_LIMIT, PAIR_LIMIT
from detquant.numerics import INT8, UINT8, PerAxis, QType, QuantSpec, grid_from_range, quantize

SPEC = QuantSpec(qtype=INT8, granularity=PerAxis(0), observer="mse")
IMAGE = grid_from_range(0.0, 1.0, QuantSpec(qtype=UINT8, symmetric=False))
WHITE = np.ones(1, np.float32)


@pytest.fixture
def layer(build):
    """layer(shape, op, bias): a node with a weight of this shape."""

    def make(shape, op="Conv", bias=None, groups=1):
        weights = {"w": np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)}
        weights |= {} if bias is None else {"b": np.asarray(bias, np.float32)}
        fed = [1, shape[1] * groups if op == "Conv" else shape[0], 8, 8] if len(shape) == 4 else [1, shape[0]]
        attributes = {"group": groups} if op != "MatMul" else {}
        return build([(op, ["x", *weights], ["y"], {"name": "layer", **attributes})], {"x": fed}, {"y": None}, weights)

    return lambda *given, **more: make(*given, **more).graph.node("layer")


SHAPES = [
    ((8, 6, 3, 3), "Conv", 1),
    ((8, 3, 3, 3), "Conv", 1),
    ((6, 4, 3, 3), "Conv", 3),
    ((6, 1, 3, 3), "Conv", 6),
    ((6, 4, 2, 2), "ConvTranspose", 1),
    ((12, 5), "MatMul", 1),
]


@pytest.mark.parametrize(("shape", "op", "groups"), SHAPES)
def test_what_was_projected_has_no_fault_and_stays(layer, shape, op, groups):
    limits = WeightLimits.of(layer(shape, op, groups=groups), INT8, x=IMAGE, peaks=WHITE)
    grid = grid_from_range(-1.0, 1.0, SPEC)
    codes = np.random.default_rng(1).integers(100, 300, shape)
    assert "are not int8" in limits.violation(codes, grid)
    kept = limits.project(codes)
    assert limits.violation(kept, grid) is None and kept.shape == shape and kept.dtype == np.int64
    np.testing.assert_array_equal(limits.project(kept), kept)
    assert (np.sign(kept) == np.sign(codes)).all() and (np.abs(kept) <= np.abs(codes)).all()
    exempt = op == "ConvTranspose" or groups == shape[0]
    assert (limits.violation(np.full(shape, 127), grid) is None) == exempt


def test_faults_count_pairs(layer):
    limits = WeightLimits.of(layer((8, 6, 3, 3)), INT8, x=IMAGE, peaks=WHITE)
    grid = grid_from_range(-np.ones(8), np.ones(8), SPEC, 0)
    codes = np.zeros((8, 6, 3, 3), np.int64)
    codes[0, :4] = 127
    assert limits.violation(codes, grid) == "18 pairs of neighbours can overflow 16 bits"
    codes[0, 1::2] *= -1  # of opposite signs: they cancel
    assert limits.violation(codes, grid) is None
    np.testing.assert_array_equal(limits.project(codes), codes)


@pytest.mark.parametrize(("bits", "kept"), [(4, True), (8, False), (16, True)])
def test_pairs_overflow_only_where_activations_have_eight_bits(layer, bits, kept):
    node = layer((8, 6, 3, 3))
    fed = grid_from_range(0.0, 1.0, QuantSpec(qtype=QType(bits, signed=False), symmetric=False))
    limits = WeightLimits.of(node, INT8, x=fed, peaks=WHITE)
    codes = np.full((8, 6, 3, 3), 127)
    assert np.array_equal(limits.project(codes), codes) == kept
    assert (limits.violation(codes, grid_from_range(-1.0, 1.0, SPEC)) is None) == kept


def test_what_fits_is_left_alone(layer):
    node = layer((8, 6, 3, 3))
    limits = WeightLimits.of(node, INT8, x=IMAGE, peaks=WHITE)
    found = weight_grid(node, SPEC, x=IMAGE, peaks=WHITE)
    codes = quantize(found.values, found.params)
    assert limits.violation(codes, found.params) is None
    np.testing.assert_array_equal(limits.project(codes), codes)


@pytest.mark.parametrize("bits", range(2, 8))
def test_narrow_weights_only_saturate(layer, bits):
    limits = WeightLimits.of(layer((8, 6, 3, 3)), QType(bits), x=IMAGE, peaks=WHITE)
    kept = limits.project(np.full((8, 6, 3, 3), -200))
    assert (kept == -(2 ** (bits - 1))).all() and limits.seen is None
    assert 2 * 255 * 2 ** (bits - 1) <= PAIR_LIMIT or bits == 8


def test_the_bias_sets_a_smallest_scale(layer):
    limits = WeightLimits.of(layer((4, 6, 1, 1), bias=[0, 1, -1e4, 1e-9]), INT8, x=IMAGE)
    np.testing.assert_allclose(limits.smallest_scale, np.array([0, 1, 1e4, 1e-9]) * 255 / BIAS_LIMIT, rtol=1e-5)
    codes = np.zeros((4, 6, 1, 1), np.int64)
    scale = np.maximum(limits.smallest_scale, 1e-12).astype(np.float32)
    grid = grid_from_range(-127 * scale, 127 * scale, SPEC, 0)
    assert limits.violation(codes, grid) is None
    coarse = grid_from_range(-127 * scale / [1, 1, 4, 1], 127 * scale / [1, 1, 4, 1], SPEC, 0)
    assert limits.violation(codes, coarse) == "the bias of output channel 2 does not fit 32 bits at this scale"
    assert not WeightLimits.of(layer((4, 6, 1, 1), bias=[1e9] * 4), INT8).smallest_scale.any()  # runs in float


BOOK = np.array([-90, -20, -3, 0, 4, 30, 110], np.int64)


@pytest.mark.parametrize("book", [None, BOOK])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("peaks", [None, WHITE])
def test_what_was_projected_is_allowed(layer, book, masked, peaks):
    shape = (8, 6, 3, 3)
    mask = np.random.default_rng(2).random(shape) < 0.5 if masked else None
    allowed = AllowedCodes(mask=mask, book=book)
    limits = WeightLimits.of(layer(shape), INT8, x=IMAGE, peaks=peaks, allowed=allowed)
    grid = grid_from_range(-1.0, 1.0, SPEC)
    codes = np.random.default_rng(1).integers(-128, 128, shape)
    kept = limits.project(codes)
    assert limits.violation(kept, grid) is None
    np.testing.assert_array_equal(limits.project(kept), kept)
    if masked:
        assert "where its mask says so" in limits.violation(np.where(mask, kept, 30), grid)
    if book is not None:
        strange = limits.violation(np.where(np.ones(shape) if mask is None else mask, 7, 0), grid)
        assert "are not in its codebook of 7" in strange
