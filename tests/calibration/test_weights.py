"""Weight grids, and the two limits that hold whatever the search says."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import weight_grid, weight_on_grid
from detquant.calibration.limits import BIAS_LIMIT, PAIR_LIMIT
from detquant.errors import RecipeError
from detquant.graph.qdq import bias_grid, insert_qdq
from detquant.graph.running import OrtRunner
from detquant.graph.weights import replace_weight
from detquant.numerics import (
    INT8,
    UINT8,
    PerAxis,
    PerTensor,
    QType,
    QuantSpec,
    fake_quantize,
    grid_from_range,
    quantize,
)
from detquant.numerics.powers_of_two import are_powers

PER_CHANNEL = {name: QuantSpec(qtype=INT8, granularity=PerAxis(0), observer=name) for name in ("minmax", "mse")}
IMAGE = grid_from_range(0.0, 1.0, QuantSpec(qtype=UINT8, symmetric=False))
WHITE = np.ones(1, np.float32)
SHAPES = [(8, 6, 3, 3), (8, 5, 1, 1), (4, 1, 3, 3)]


@pytest.fixture
def conv(build):
    """conv(weight, bias, groups): the node."""

    def make(weight, bias=None, groups=1):
        weights = {"w": weight} | ({} if bias is None else {"b": bias})
        channels = weight.shape[1] * groups
        rows = [("Conv", ["x", *weights], ["y"], {"name": "conv", "group": groups})]
        return build(rows, {"x": [1, channels, 8, 8]}, {"y": None}, weights).graph.node("conv")

    return make


def random_weight(shape, seed=0):
    """Long tails, as trained weights have."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * rng.lognormal(0, 0.7, shape)).astype(np.float32)


def pair_loads(found, peaks_code=255.0):
    """``x_a q_a + x_b q_b`` of neighbours in the runtime's matrix, whose channels are last."""
    codes = quantize(found.values, found.params)
    rows = codes.transpose(0, 2, 3, 1).reshape(len(codes), -1)
    seen = np.broadcast_to(peaks_code, codes.shape[1]).astype(np.int64)
    products = rows * np.tile(seen, rows.shape[1] // len(seen))
    even = rows.shape[1] // 2 * 2
    return products[:, 0:even:2] + products[:, 1:even:2]


@pytest.mark.parametrize("observer", ["minmax", "mse"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_pair_overflows(conv, observer, shape, sign):
    weight = sign * np.random.default_rng(1).uniform(0.9, 1.0, shape).astype(np.float32)
    found = weight_grid(conv(weight), PER_CHANNEL[observer], x=IMAGE, peaks=WHITE)
    assert np.abs(pair_loads(found)).max() <= PAIR_LIMIT
    free = weight_grid(conv(weight), PER_CHANNEL[observer], x=IMAGE)
    assert np.abs(pair_loads(free)).max() > PAIR_LIMIT


@pytest.mark.parametrize("channels", [3, 5])
def test_no_pair_of_one_tap_overflows_where_channels_are_odd(conv, channels):
    """oneDNN fills an odd number of channels up, so its pairs are not those of the whole row."""
    weight = np.full((8, channels, 3, 3), 0.1, np.float32)
    weight[:, :2, 0, 1] = 1.0  # numbers 3 and 4 of a row of RGB: in two pairs there, in one pair of their tap
    found = weight_grid(conv(weight), PER_CHANNEL["mse"], x=IMAGE, peaks=WHITE)
    codes = quantize(found.values, found.params).transpose(0, 2, 3, 1)
    by_tap = codes[..., 0 : channels - 1 : 2] + codes[..., 1:channels:2]
    assert np.abs(255 * by_tap).max() <= PAIR_LIMIT and np.abs(pair_loads(found)).max() <= PAIR_LIMIT


def test_the_peak_of_each_channel_is_counted(conv):
    weight = np.random.default_rng(2).uniform(0.9, 1.0, (8, 6, 3, 3)).astype(np.float32)
    peaks = np.array([1.0, 0.1, 0.5, -3.0, 0.8, 0.1], np.float32)
    found = weight_grid(conv(weight), PER_CHANNEL["mse"], x=IMAGE, peaks=peaks)
    codes = np.clip(np.ceil(255 * 1.1 * np.maximum(peaks, 0)), 0, 255)
    assert np.abs(pair_loads(found, codes)).max() <= PAIR_LIMIT
    everywhere = weight_grid(conv(weight), PER_CHANNEL["mse"], x=IMAGE, peaks=WHITE)
    error, greater = (np.square(g.values - weight).sum() for g in (found, everywhere))
    assert error < 0.5 * greater


def test_padding_counts_in_a_channel_that_is_never_positive(conv):
    """Its largest code is that of zero, which padding puts there."""
    x = grid_from_range(-3.0, 0.5, QuantSpec(qtype=UINT8, symmetric=False))
    weight = np.random.default_rng(2).uniform(0.9, 1.0, (8, 4, 3, 3)).astype(np.float32)
    found = weight_grid(conv(weight), PER_CHANNEL["mse"], x=x, peaks=np.full(4, -2.5, np.float32))
    assert np.abs(pair_loads(found, float(x.zero_point))).max() <= PAIR_LIMIT


def test_opposite_signs_are_left_alone(conv):
    weight = np.random.default_rng(3).uniform(0.9, 1.0, (8, 6, 3, 3)).astype(np.float32)
    weight[:, 1::2] *= -1
    found = weight_grid(conv(weight), PER_CHANNEL["mse"], x=IMAGE, peaks=WHITE)
    free = weight_grid(conv(weight), PER_CHANNEL["mse"], x=IMAGE, peaks=0 * WHITE)
    np.testing.assert_array_equal(found.values, free.values)
    np.testing.assert_array_equal(quantize(weight, found.params), quantize(found.values, found.params))
    assert np.abs(quantize(found.values, found.params)).min() > 100


@pytest.mark.parametrize("groups", [2, 3])
def test_groups_have_rows_of_their_own(conv, groups):
    weight = np.random.default_rng(4).uniform(0.9, 1.0, (6, 4, 3, 3)).astype(np.float32)
    peaks = np.full(4 * groups, 0.1, np.float32)
    peaks[-4:] = 1.0
    found = weight_grid(conv(weight, groups=groups), PER_CHANNEL["mse"], x=IMAGE, peaks=peaks)
    assert np.abs(pair_loads(found)).max() <= PAIR_LIMIT


def test_a_depthwise_kernel_adds_no_pairs(conv):
    weight = np.random.default_rng(4).uniform(0.9, 1.0, (6, 1, 3, 3)).astype(np.float32)
    found, free = (weight_grid(conv(weight, groups=6), PER_CHANNEL["mse"], x=IMAGE, peaks=p) for p in (WHITE, None))
    np.testing.assert_array_equal(found.values, free.values)


@pytest.mark.parametrize("observer", ["minmax", "mse"])
@pytest.mark.parametrize("granularity", [PerAxis(0), PerTensor()])
@pytest.mark.parametrize("peaks", [None, WHITE])
def test_a_weight_on_the_grid_has_the_same_codes_again(conv, observer, granularity, peaks):
    weight = random_weight((16, 8, 3, 3))
    spec = QuantSpec(qtype=INT8, granularity=granularity, observer=observer)
    found = weight_grid(conv(weight), spec, x=IMAGE, peaks=peaks)
    assert found.values.shape == weight.shape and found.values.dtype == np.float32
    np.testing.assert_array_equal(fake_quantize(found.values, found.params), found.values)
    codes = quantize(found.values, found.params)
    assert np.abs(codes).max() >= 100 and found.params.scale.dtype == np.float32
    assert found.params.scale.shape == ((16,) if granularity == PerAxis(0) else ())


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("peaks", [None, WHITE])
def test_mse_is_never_worse_than_minmax(conv, bits, peaks):
    weight = random_weight((32, 8, 3, 3), seed=bits)
    errors = {}
    for name in ("minmax", "mse"):
        spec = QuantSpec(qtype=QType(bits), granularity=PerAxis(0), observer=name)
        values = weight_grid(conv(weight), spec, x=IMAGE, peaks=peaks).values
        errors[name] = np.square(values - weight, dtype=np.float64).sum(axis=(1, 2, 3))
    assert (errors["mse"] <= errors["minmax"]).all()
    if bits == 4:  # where clipping pays
        assert (errors["mse"] < 0.9 * errors["minmax"]).any()


@pytest.mark.parametrize("granularity", [PerAxis(0), PerTensor()])
def test_a_large_bias_coarsens_the_grid_instead_of_overflowing(conv, granularity):
    weight, bias = random_weight((4, 3, 1, 1)), np.array([0.1, 3e6, -3e8, 2.0], np.float32)
    weight[1:3] *= 1e-3
    spec = QuantSpec(qtype=INT8, granularity=granularity)
    found = weight_grid(conv(weight, bias), spec, x=IMAGE)
    scale = np.broadcast_to(bias_grid(IMAGE, found.params).scale, 4).astype(np.float64)
    assert np.abs(bias / scale).max() <= 1.001 * BIAS_LIMIT
    np.testing.assert_array_equal(fake_quantize(found.values, found.params), found.values)
    if granularity == PerAxis(0):  # who has no such bias has a fine grid still
        assert found.params.scale[0] == pytest.approx(np.abs(weight[0]).max() / 127)


def test_the_channel_axis_of_a_gemm(build):
    weight = random_weight((6, 4))
    for transposed in (0, 1):
        rows = [("Gemm", ["x", "w"], ["y"], {"name": "gemm", "transB": transposed})]
        stored = weight.T.copy() if transposed else weight
        node = build(rows, {"x": [1, 6]}, {"y": None}, {"w": stored}).graph.node("gemm")
        found = weight_grid(node, PER_CHANNEL["minmax"], x=IMAGE)
        assert found.params.axis == 1 - transposed
        np.testing.assert_allclose(found.params.scale, np.abs(weight).max(axis=0) / 127, rtol=1e-6)


def test_an_unknown_observer_names_the_nearest(conv):
    with pytest.raises(RecipeError, match="Unknown weight observer 'mes': did you mean 'mse'"):
        weight_grid(conv(random_weight((2, 2, 1, 1))), QuantSpec(qtype=INT8, observer="mes"))


def in_the_runtime(net, name, shape, image):
    """How many steps of its output the optimised integer kernel is away from the graph as it is written."""
    node = net.graph.node(name)
    found = weight_grid(node, PER_CHANNEL["mse"], x=IMAGE, peaks=WHITE)
    replace_weight(node, found.values)
    y = OrtRunner(net, optimisation="none").run({"x": image})["y"]
    grid = grid_from_range(y.min(), y.max(), QuantSpec(qtype=UINT8, symmetric=False))
    qdq = insert_qdq(net, activations={"x": IMAGE, "y": grid}, weights={name: found.params}, nodes=[name])
    exact, fast = (OrtRunner(qdq, optimisation=level).run({"x": image})["y"] for level in ("none", "all"))
    assert np.ptp(exact) > 100 * grid.scale
    return np.abs(exact - fast).max() / grid.scale


@pytest.mark.parametrize(
    ("out", "channels", "groups", "kernel"), [(64, 64, 1, 3), (64, 64, 1, 1), (64, 1, 1, 3), (64, 8, 8, 3)]
)
def test_the_runtimes_kernel_does_not_saturate(build, out, channels, groups, kernel):
    """Fails without limit 1 on processors without VNNI, by dozens of steps."""
    rng = np.random.default_rng(6)
    shape = (out, channels // groups, kernel, kernel)
    weight = rng.uniform(0.8, 1.0, shape) * np.linspace(-1, 1, out).reshape(-1, 1, 1, 1)
    attributes = {"name": "conv", "pads": [kernel // 2] * 4, "group": groups}
    net = build(
        [("Conv", ["x", "w", "b"], ["y"], attributes)],
        {"x": [1, channels, 8, 8]},
        {"y": [1, out, 8, 8]},
        {"w": weight.astype(np.float32), "b": rng.standard_normal(out).astype(np.float32)},
    )
    assert in_the_runtime(net, "conv", shape, np.ones((1, channels, 8, 8), np.float32)) <= 1.001


@pytest.mark.parametrize("transposed", [0, 1])
def test_nor_does_that_of_a_matrix_product(build, transposed):
    rng = np.random.default_rng(6)
    weight = (rng.uniform(0.8, 1.0, (64, 32)) * np.linspace(-1, 1, 32)).astype(np.float32)
    net = build(
        [("Gemm", ["x", "w", "b"], ["y"], {"name": "gemm", "transB": transposed})],
        {"x": [4, 64]},
        {"y": [4, 32]},
        {"w": weight.T.copy() if transposed else weight, "b": rng.standard_normal(32).astype(np.float32)},
    )
    assert in_the_runtime(net, "gemm", weight.shape, np.ones((4, 64), np.float32)) <= 1.001


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0)], ids=str)
@pytest.mark.parametrize("observer", ["minmax", "mse"])
def test_a_step_that_is_a_power_of_two_is_the_best_of_them(conv, granularity, observer):
    spec = QuantSpec(qtype=INT8, granularity=granularity, observer=observer, power_of_two=True)
    node = conv(random_weight((8, 6, 3, 3)))
    found = weight_grid(node, spec)
    weight = random_weight((8, 6, 3, 3))
    assert are_powers(found.params.scale).all()

    def errors(scale):
        off = np.square(weight_on_grid(node, spec, scale).values - weight).sum(axis=(1, 2, 3))
        return off if scale.ndim else off.sum()

    for octave in (0.25, 0.5, 2.0) if observer == "mse" else (2.0,):
        assert (errors(found.params.scale) <= errors(found.params.scale * np.float32(octave))).all()


def test_a_bias_without_room_gets_the_next_power_of_two(conv):
    spec = QuantSpec(qtype=INT8, granularity=PerAxis(0), observer="mse", power_of_two=True)
    bias = np.array([0, 1.0, -4e3, 5e4, 0, 0, 0, 0], np.float32)
    for found in (
        weight_grid(conv(1e-3 * random_weight((8, 6, 3, 3)), bias), spec, x=IMAGE),
        weight_on_grid(conv(random_weight((8, 6, 3, 3)), bias), spec, np.full(8, 3e-6, np.float32), x=IMAGE),
    ):
        scale = found.params.scale
        assert are_powers(scale).all() and len(set(scale.tolist())) > 1
        assert np.abs(bias / (IMAGE.scale * scale)).max() <= BIAS_LIMIT
