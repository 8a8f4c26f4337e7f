"""What the operators' tests leave out of networks in ONNX Runtime: sums at their bounds, and what NumPy runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.running import OrtRunner
from detquant.graph.window import Window
from detquant.integer.accumulation import convolve
from detquant.integer.graph import Image, IntegerGraph
from detquant.integer.in_ort import OrtNetwork, fastest
from detquant.integer.operators import Convolution, MaxPool
from detquant.numerics import QType, QuantParams
from detquant.numerics.multipliers import Multiplier, multipliers

RNG = np.random.default_rng(4)


def alone(operator, shape, bits):
    """A network of one operator on codes of these bits."""
    grid = QuantParams(QType(bits, False), np.float32(1.0), np.int64(0))
    out = tuple(operator.run(np.zeros(shape, np.int64)).shape)
    return IntegerGraph((operator,), {"x": Image("c", grid)}, ("y",), {}, {"c": shape, "y": out})


def layer(weights, bits, factor, *, pads=((0, 0), (0, 0)), zero_in=0):
    """A convolution whose accumulators are as large as these weights let them be."""
    window = Window((weights.shape[2], weights.shape[3]), (1, 1), (1, 1), pads)
    return Convolution(
        name="conv",
        inputs=("c",),
        output="y",
        low=-(1 << 15),
        high=(1 << 15) - 1,
        weights=weights.astype(np.int32),
        weight_bits=8,
        bias=RNG.integers(-9, 9, len(weights)),
        zero_in=zero_in,
        zero_out=3,
        multiplier=factor,
        largest=np.abs(weights).sum(axis=(1, 2, 3)) * ((1 << bits) - 1),
        window=window,
    )


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("factors", [[0.5, 0.5, 0.4], [2.0**-16, 2.0**-15, 2.0**-20], [1e-5, 2e-15, 0.0]])
def test_sums_beyond_float32_are_split_into_digits(bits, factors):
    """The bias takes a sum of more than 2^24 back, so that its last bit, which float32 would lose, is in the code."""
    most = (1 << bits) - 1
    weights = np.full((3, 64, 3, 3), 1 << (20 - bits))
    weights[1:] = RNG.integers(-(1 << (20 - bits)), 1 << (20 - bits), (2, 64, 3, 3))
    x = np.full((1, 64, 5, 5), most) - RNG.integers(0, 2, (1, 64, 5, 5))
    middle = ((x[0, :, 1:4, 1:4] - 5) * weights).sum(axis=(1, 2, 3))
    assert middle[0] > 1 << 28
    operator = layer(weights, bits, multipliers(factors, 31), pads=((1, 1), (0, 2)), zero_in=5)
    operator = replace(operator, bias=9 - middle)
    expected = operator.run(x)
    assert factors[0] != 0.5 or len(np.unique(expected[0, 0])) > 3
    assert np.array_equal(OrtNetwork(alone(operator, x.shape, bits)).run_codes({"c": x})["y"], expected)


def test_codes_up_to_where_a_pooling_sees_nothing_but_its_border():
    around = Window((2, 2), (1, 1), (1, 1), ((1, 1), (1, 1)))
    pool = MaxPool(name="pool", inputs=("c",), output="y", low=2, high=255, window=around, smallest=0)
    x = RNG.integers(0, 5, (1, 2, 3, 3))
    assert np.array_equal(OrtNetwork(alone(pool, x.shape, 8)).run_codes({"c": x})["y"], pool.run(x))


def test_numpy_runs_what_would_not_be_exact():
    wide = Window((2, 2), (1, 1), (1, 1), ((3, 3), (0, 0)))
    pool = MaxPool(name="pool", inputs=("c",), output="y", low=0, high=255, window=wide, smallest=0)
    graph = alone(pool, (1, 1, 4, 4), 8)
    assert fastest(graph) is graph
    small = alone(layer(np.ones((1, 1, 1, 1), int), 8, Multiplier(np.array([1]), np.array([0]))), (1, 1, 2, 2), 8)
    assert isinstance(fastest(small), OrtNetwork)


def test_accumulators_are_those_of_an_integer_convolution():
    """ONNX's ConvInteger, an implementation of others, on unsigned codes and weights around 128."""
    x, weights = RNG.integers(0, 256, (1, 6, 7, 5)), RNG.integers(-128, 128, (4, 3, 3, 3))
    around = Window((3, 3), (2, 1), (1, 1), ((1, 0), (1, 1)))
    names = ("x", "w", "x_zero", "w_zero")
    arrays = (x.astype(np.uint8), (weights + 128).astype(np.uint8), np.array(7, np.uint8), np.array(128, np.uint8))
    inputs = [
        ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(ir.DataType.UINT8))
        for name, array in zip(names, arrays, strict=True)
    ]
    attributes = {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 1, 0, 1], "group": 2}
    node = ir.node("ConvInteger", inputs, attributes=attributes)
    node.outputs[0].name, node.outputs[0].type = "y", ir.TensorType(ir.DataType.INT32)
    graph = ir.Graph(inputs, node.outputs, nodes=[node], opset_imports={"": 21}, name="theirs")
    theirs = OrtRunner(ir.Model(graph, ir_version=10)).run(dict(zip(names, arrays, strict=True)))["y"]
    assert np.array_equal(convolve(x - 7, weights, around, 2, 1 << 24), theirs)
