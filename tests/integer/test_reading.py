"""What is read from a QDQ graph, in all widths, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from given_codes import quantised
from plain import run

from detquant.errors import RecipeError, UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.qdq import bias_grid, insert_qdq
from detquant.graph.running import OrtRunner
from detquant.integer.draft import Widths
from detquant.integer.in_ort import OrtNetwork
from detquant.integer.on_codes import activation_behind, on_codes
from detquant.integer.operators import Convolution, Layer
from detquant.integer.reading import read
from detquant.numerics import QType, QuantParams, QuantSpec, fake_quantize, grid_from_range, quantize
from detquant.recipes import Choice
from detquant.targets import load_target

RNG = np.random.default_rng(1)
FLOAT = Choice(weight=None, activation=None, why="so")


def grid(low, high, bits, signed=False):
    return grid_from_range(low, high, QuantSpec(qtype=QType(bits, signed), symmetric=False))


def one_layer(build, weight_bits, bits, *, spread=1.0, rows=(), out="y", keep=(), between=None):
    """A convolution in codes of these widths, as the network without its last DequantizeLinear."""
    w = (spread * RNG.standard_normal((4, 3, 3, 3))).astype(np.float32)
    nodes = [("Conv", ["x", "w", "b"], ["y"], {"name": "conv", "pads": [1, 1, 1, 1]}), *rows]
    b = RNG.standard_normal(4).astype(np.float32)
    model = prepare(build(nodes, {"x": [1, 3, 8, 8]}, {out: None}, {"w": w, "b": b}))
    most = np.abs(w).max((1, 2, 3))
    taps = grid_from_range(-most, most, QuantSpec(qtype=QType(weight_bits)), axis=0)
    codes = {"x": grid(0.0, 1.0, bits), out: grid(-6.0, 5.0, bits)}
    codes |= {name: grid(-width, width, bits) for name, width in (between or {}).items()}
    names = {node.name for node in model.graph} - set(keep)
    return model, insert_qdq(model, activations=codes, weights={"conv": taps}, nodes=names), codes, taps


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
@pytest.mark.parametrize("weight_bits", [2, 3, 4, 5, 6, 7, 8])
def test_all_widths_are_read_from_the_graph(build, weight_bits, bits):
    model, qdq, codes, taps = one_layer(build, weight_bits, bits)
    graph = read(cut_decode(prepare(qdq))[0])
    [layer] = graph.operators
    assert isinstance(layer, Convolution) and layer.weight_bits == weight_bits
    assert (layer.low, layer.high) == (0, (1 << bits) - 1)
    assert np.abs(layer.weights).max() <= (1 << (weight_bits - 1))
    x = RNG.uniform(-0.2, 1.2, (1, 3, 8, 8)).astype(np.float32)
    found = graph.run({"x": x})["y"]
    assert np.array_equal(found, run(layer, quantize(x, codes["x"])))
    assert np.array_equal(found, OrtNetwork(graph).run({"x": x})["y"])
    assert found.min() >= 0 and found.max() < 1 << bits
    held = {v.name: v.const_value.numpy() for v in model.graph.initializers.values()}
    whole = model.clone()
    for name, on in {"w": taps, "b": bias_grid(codes["x"], taps)}.items():
        whole.graph.initializers[name].const_value = ir.Tensor(fake_quantize(held[name], on), name=name)
    expected = quantize(OrtRunner(whole).run({"x": fake_quantize(x, codes["x"])})["y"], codes["y"])
    assert np.abs(found - expected).max() <= 1 and (found != expected).mean() < (0.01 if bits < 16 else 0.2)


def test_zero_point_and_bias_folded_give_the_same(build):
    *_, qdq, codes, _ = one_layer(build, 8, 8)
    [layer] = read(cut_decode(prepare(qdq))[0]).operators
    assert isinstance(layer, Layer)
    x = RNG.integers(0, 256, (1, 3, 3, 3))
    centred = ((x - layer.zero_in) * layer.weights).sum((1, 2, 3)) + layer.bias
    assert np.array_equal((x * layer.weights).sum((1, 2, 3)) + layer.folded_bias, centred)
    assert int(codes["x"].zero_point) == layer.zero_in


def test_an_accumulator_that_could_overflow_is_refused_with_its_channel(build):
    w = np.ones((2, 1100, 1, 1), np.float32)
    w[0] /= 2000
    rows = [("Conv", ["x", "w"], ["y"], {"name": "wide"})]
    model = prepare(build(rows, {"x": [1, 1100, 2, 2]}, {"y": None}, {"w": w}))
    taps = QuantParams(QType(16), np.float32(1 / 32767), np.int64(0))
    codes = {"x": grid(0.0, 1.0, 16), "y": grid(0.0, 9.0, 16)}
    qdq = insert_qdq(model, activations=codes, weights={"wide": taps}, nodes={"wide"})
    why = r"Conv 'wide' .* channel 1 can reach \d+, and 32 bits hold .* fewer bits"
    with pytest.raises(UnsupportedOperator, match=why):
        read(cut_decode(prepare(qdq))[0])


@pytest.mark.parametrize("bits", [8, 16])
def test_grids_of_almost_no_width_saturate(build, bits):
    """Tensors that were all zero in calibration have the smallest scale there is."""
    rows = [("Add", ["y", "y"], ["z"], {}), ("Mul", ["z", "y"], ["m"], {}), ("Add", ["m", "z"], ["o"], {})]
    _, qdq, codes, _ = one_layer(build, 8, bits, rows=rows, out="o", between={"y": 0.0, "z": 1e-9, "m": 3e5})
    graph = read(cut_decode(prepare(qdq))[0], Widths(multiplier=31))
    given = {"x_quantized": RNG.integers(0, 1 << bits, (1, 3, 8, 8))}
    found = dict(given)
    for operator, array in graph.steps(given):
        found[operator.output] = array
        assert np.array_equal(array, run(operator, *(found[name] for name in operator.inputs)))
    sooner = OrtNetwork(graph, every=True).run_codes({"x_quantized": found["x_quantized"]})
    assert all(np.array_equal(found[name], array) for name, array in sooner.items())
    assert set(np.unique(found["y_quantized"])) <= {0, int(codes["y"].zero_point), (1 << bits) - 1}


def test_a_bias_beyond_32_bits_is_refused_with_its_channel(build):
    w, b = np.ones((2, 3), np.float32), np.array([[1.0, 1e9]], np.float32)
    rows = [("Gemm", ["x", "w", "b"], ["y"], {"name": "dense", "transB": 1})]
    model = prepare(build(rows, {"x": [1, 3]}, {"y": None}, {"w": w, "b": b}))
    taps = QuantParams(QType(8), np.float32(1e-3), np.int64(0))
    codes = {"x": grid(0.0, 1e-3, 8), "y": grid(0.0, 9.0, 8)}
    qdq = insert_qdq(model, activations=codes, weights={"dense": taps}, nodes={"dense"})
    with pytest.raises(UnsupportedOperator, match=r"Gemm 'dense' .* its channel 1 can reach 2147580802"):
        read(cut_decode(prepare(qdq))[0])


def test_bounds_that_are_computed_are_no_bounds(build):
    rows = [("ReduceMax", ["x"], ["top"], {"keepdims": 0}), ("Clip", ["y", "", "top"], ["z"], {"name": "within"})]
    model, qdq, *_ = one_layer(build, 8, 8, rows=rows, out="z", keep={"ReduceMax:top"})
    [layer] = [node for node in model.graph if node.op_type == "Conv"]
    assert activation_behind(layer) is None
    [layer] = [node for node in qdq.graph if node.op_type == "Conv"]
    assert on_codes(layer, activation_behind(layer)) is None


def test_a_layer_in_float_is_refused_by_name(small_net, images):
    qdq = quantised(small_net, images(3), load_target("ort").capability, choices={"second": FLOAT}).qdq()
    with pytest.raises(UnsupportedOperator, match=r"Conv 'second' cannot run in integers: .* is real numbers"):
        read(cut_decode(prepare(qdq))[0])


def test_an_operator_without_a_counterpart_is_refused_by_name(build):
    rows = [("Softmax", ["y"], ["z"], {"name": "soft", "axis": 1})]
    _, qdq, *_ = one_layer(build, 8, 8, rows=rows, out="z")
    with pytest.raises(UnsupportedOperator, match=r"Conv 'conv' .* read in float"):
        read(cut_decode(prepare(qdq))[0])


def test_an_image_in_float_is_refused(build):
    model, *_ = one_layer(build, 8, 8)
    with pytest.raises(UnsupportedOperator, match="input 'x' is not rounded to one grid"):
        read(model)


def test_decoding_is_to_be_cut_off_first(build):
    _, qdq, *_ = one_layer(build, 8, 8)
    with pytest.raises(UnsupportedOperator, match="output 'y' is no codes"):
        read(prepare(qdq))


@pytest.mark.parametrize("width", [{"multiplier": 1}, {"multiplier": 32}, {"preactivation": 17}])
def test_widths_have_limits(width):
    with pytest.raises(RecipeError, match=r"The width '\w+' of the integer model is \d+, not 2 to"):
        Widths(**width)
