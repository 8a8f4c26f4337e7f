"""Every integer operator equals plain loops over whole numbers exactly, and ONNX Runtime's graph within one code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from given_codes import off_by, quantised
from plain import RUN, run

from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.values import is_op
from detquant.integer import operators
from detquant.integer.draft import Widths
from detquant.integer.in_ort.network import WRITERS, OrtNetwork
from detquant.integer.operators import Blend, Convolution, IntegerOperator, Layer, Table
from detquant.integer.reading import read
from detquant.numerics import eight_bits, quantize
from detquant.targets import load_target

RNG = np.random.default_rng(3)
ORT = load_target("ort").capability
CAPABILITY = replace(ORT, kernels={**ORT.kernels, **eight_bits(["ConvTranspose"])})
AROUND, BY_TWO = {"pads": [1, 1, 1, 1]}, {"kernel_shape": [3, 3], "strides": [2, 2]}


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def number(value):
    return np.array(value, np.float32)


CASES = {
    "Conv by two, uneven pads": [("Conv", ["f", "more"], ["g"], {"strides": [2, 2], "pads": [1, 0, 0, 2]})],
    "Conv, SAME_UPPER": [("Conv", ["f", "more"], ["g"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})],
    "Conv, dilated": [("Conv", ["f", "more"], ["g"], {"dilations": [2, 1]})],
    "Conv, Relu": [("Conv", ["f", "more", "bias"], ["c"], AROUND), ("Relu", ["c"], ["g"], {})],
    "Conv, Clip": [("Conv", ["f", "more"], ["c"], AROUND), ("Clip", ["c", "minus", "two"], ["g"], {})],
    "Conv grouped": [("Conv", ["f", "half"], ["g"], {"group": 2})],
    "Conv depthwise, two each": [("Conv", ["f", "each"], ["h"], {"group": 8}), ("Conv", ["h", "back"], ["g"], {})],
    "ConvTranspose": [("ConvTranspose", ["f", "wide", "bias"], ["g"], {"strides": [2, 2]} | AROUND)],
    "ConvTranspose, output_padding": [
        ("ConvTranspose", ["f", "wide"], ["g"], {"strides": [2, 2], "output_padding": [1, 1]} | AROUND)
    ],
    "ConvTranspose, grouped": [("ConvTranspose", ["f", "parts"], ["g"], {"group": 2, "strides": [3, 2]})],
    "MatMul": [("MatMul", ["f", "matrix"], ["g"], {})],
    "Gemm": [
        ("GlobalAveragePool", ["f"], ["p"], {}),
        ("Flatten", ["p"], ["q"], {}),
        ("Gemm", ["q", "matrix", "row"], ["r"], {"transB": 1, "beta": 0.5, "alpha": 2.0}),
        ("Relu", ["r"], ["s"], {}),
        ("Gemm", ["s", "matrix", "bias"], ["t"], {}),
        ("Reshape", ["t", "map"], ["g"], {}),
    ],
    "SiLU in steps": [("Sigmoid", ["f"], ["s"], {}), ("Mul", ["f", "s"], ["g"], {})],
    "LeakyRelu": [("LeakyRelu", ["f"], ["g"], {"alpha": 0.1})],
    "HardSwish": [("HardSwish", ["f"], ["g"], {})],
    "Mish in steps without grids": [
        ("Softplus", ["f"], ["s"], {}),
        ("Tanh", ["s"], ["t"], {}),
        ("Mul", ["f", "t"], ["g"], {}),
    ],
    "PRelu": [("PRelu", ["f", "slopes"], ["g"], {})],
    "Add": [("LeakyRelu", ["f"], ["a"], {}), ("Add", ["f", "a"], ["g"], {})],
    "Add, Relu": [("LeakyRelu", ["f"], ["a"], {}), ("Add", ["f", "a"], ["b"], {}), ("Relu", ["b"], ["g"], {})],
    "Sub": [("LeakyRelu", ["f"], ["a"], {}), ("Sub", ["f", "a"], ["g"], {})],
    "Add of itself": [("Add", ["f", "f"], ["g"], {})],
    "product and sum with numbers": [("Mul", ["f", "two"], ["a"], {}), ("Add", ["a", "minus"], ["g"], {})],
    "product and sum by channels": [("Mul", ["f", "gains"], ["a"], {}), ("Sub", ["moves", "a"], ["g"], {})],
    "product that is broadcast": [("GlobalAveragePool", ["f"], ["p"], {}), ("Mul", ["f", "p"], ["g"], {})],
    "AveragePool": [("AveragePool", ["f"], ["g"], BY_TWO)],
    "AveragePool that counts": [("AveragePool", ["f"], ["g"], BY_TWO | AROUND | {"count_include_pad": 1})],
    "AveragePool whose border does not count": [("AveragePool", ["f"], ["g"], BY_TWO | AROUND)],
    "ReduceMean": [("ReduceMean", ["f", "axis2"], ["m"], {}), ("Add", ["f", "m"], ["g"], {})],
    "MaxPool": [("MaxPool", ["f"], ["g"], BY_TWO | AROUND)],
    "Concat": [("LeakyRelu", ["f"], ["a"], {}), ("Concat", ["a", "f", "constant"], ["g"], {"axis": 2})],
    "Split, unequal": [("Split", ["f", "sizes"], ["a", "b"], {"axis": 2}), ("Concat", ["b", "a"], ["g"], {"axis": -2})],
    "Slice": [("Slice", ["f", "one", "last", "axis2", "step"], ["g"], {})],
    "Slice backwards": [("Slice", ["f", "last", "one", "axis2", "back_step"], ["g"], {})],
    "Pad": [("Pad", ["f", "sides"], ["g"], {})],
    "Pad with a number": [("Pad", ["f", "sides", "minus"], ["g"], {})],
    "Pad, reflect": [("Pad", ["f", "sides"], ["g"], {"mode": "reflect"})],
    "Transpose, Reshape": [("Transpose", ["f"], ["t"], {"perm": [0, 1, 3, 2]}), ("Reshape", ["t", "flat"], ["g"], {})],
    "Resize nearest": [("Resize", ["f", "", "scales"], ["g"], {})],
    "Resize linear": [("Resize", ["f", "", "scales"], ["g"], {"mode": "linear"})],
    "Resize linear, twice": [("Resize", ["f", "", "twice"], ["g"], {"mode": "linear"})],
    "Resize linear to a size": [("Resize", ["f", "", "", "uneven"], ["g"], {"mode": "linear"})],
}
WEIGHTS = {
    "more": draw(8, 8, 3, 3) / 8,
    "bias": draw(8),
    "half": draw(8, 4, 1, 1) / 2,
    "each": draw(16, 1, 3, 3) / 3,
    "back": draw(8, 16, 1, 1) / 4,
    "wide": draw(8, 8, 3, 3) / 5,
    "parts": draw(8, 4, 3, 2) / 3,
    "matrix": draw(8, 8) / 3,
    "row": draw(1, 8),
    "map": np.array([1, 8, 1, 1]),
    "slopes": draw(8, 1, 1),
    "gains": draw(8, 1, 1),
    "moves": draw(1, 8, 1, 1),
    "constant": draw(1, 8, 2, 8),
    "minus": number(-1),
    "two": number(2),
    "axis2": np.array([2]),
    "one": np.array([1]),
    "last": np.array([-1]),
    "step": np.array([2]),
    "back_step": np.array([-2]),
    "sizes": np.array([3, 5]),
    "sides": np.array([0, 0, 1, 2, 0, 0, 0, 1]),
    "flat": np.array([1, 8, 4, 16]),
    "scales": np.array([1, 1, 2, 3], np.float32),
    "twice": np.array([1, 1, 2, 2], np.float32),
    "by_four": np.array([1, 1, 4, 4], np.float32),
    "half_size": np.array([1, 1, 0.5, 0.5], np.float32),
    "uneven": np.array([1, 8, 5, 13]),
}


def net(build, rows):
    """A convolution, the rows from "f" to "g", and a convolution."""
    nodes = [("Conv", ["x", "first", "bias"], ["f"], AROUND), *rows, ("Conv", ["g", "third"], ["k"], {})]
    weights = {**WEIGHTS, "first": draw(8, 3, 3, 3), "third": draw(4, 8, 1, 1)}
    read = {name for _, takes, _, _ in nodes for name in takes}
    nodes.append(("Conv", ["k", "head"], ["y"], {}))
    held = {name: array for name, array in weights.items() if name in read} | {"head": draw(2, 4, 1, 1)}
    return prepare(build(nodes, {"x": [1, 3, 8, 8]}, {"y": None}, held))


def all_codes(qdq, feed, **widths):
    """The integer graph, and the codes of all its values for one image."""
    graph = read(cut_decode(prepare(qdq))[0], Widths(**widths))
    given = {image.codes: quantize(feed[name], image.grid) for name, image in graph.images.items()}
    found = dict(given)
    for operator, codes in graph.steps(given):
        found[operator.output] = codes
    return graph, found


def by_quantizer(qdq, found):
    """The same, by the names that the QDQ graph's codes have before it is cut."""
    codes = {}
    for node in prepare(qdq).graph:
        if is_op(node, "QuantizeLinear"):
            dequantised = [reader.outputs[0].name for reader in node.outputs[0].consumers()]
            own = next(name for name in (node.outputs[0].name, node.inputs[0].name, *dequantised) if name in found)
            codes[node.outputs[0].name] = found[own].astype(np.uint8)
    return codes


@pytest.mark.parametrize("case", CASES)
def test_each_is_exact_and_within_one_code_of_the_runtime(build, images, case):
    model = net(build, CASES[case])
    *seen, unseen = images(4, (1, 3, 8, 8))
    qdq = quantised(model, seen, CAPABILITY).qdq()
    graph, found = all_codes(qdq, unseen)
    for operator in graph.operators:
        codes = [found[name] for name in operator.inputs]
        assert np.array_equal(found[operator.output], run(operator, *codes)), operator
        assert found[operator.output].shape == graph.shapes[operator.output]
    assert_same_in_onnx_runtime(graph, found)
    errors = off_by(qdq, unseen, by_quantizer(qdq, found))
    assert {name: most for name, (most, _) in errors.items() if most > 1} == {}
    assert np.mean([share for _, share in errors.values()]) < 0.02


@pytest.mark.parametrize(("size", "half"), [(16, 0.5), (32, 0.5), (4, 0.5), (16, 0.0), (4, 0.0)])
def test_pixels_are_mixed_with_one_rounding(build, images, size, half):
    """Linear interpolation of the real numbers that codes stand for, in float64, is half a code away at most."""
    mode = "pytorch_half_pixel" if half else "asymmetric"
    attributes = {"mode": "linear", "coordinate_transformation_mode": mode}
    model = net(build, [("Resize", ["f", "", {4: "half_size", 16: "twice", 32: "by_four"}[size]], ["g"], attributes)])
    *seen, unseen = images(4, (1, 3, 8, 8))
    graph, found = all_codes(quantised(model, seen, CAPABILITY).qdq(), unseen)
    [blend] = [one for one in graph.operators if isinstance(one, Blend)]
    assert np.array_equal(found[blend.output], run(blend, found[blend.inputs[0]]))
    assert_same_in_onnx_runtime(graph, found)
    before, after = (graph.grids[name] for name in (*blend.inputs, blend.output))
    real = np.float64(before.scale) * (found[blend.inputs[0]].astype(np.float64) - before.zero_point)
    places = np.clip((np.arange(size) + half) * 8 / size - half, 0, 7)
    near = np.maximum(1 - np.abs(places[:, None] - np.arange(8)), 0)
    exact = near @ real @ near.T / np.float64(after.scale) + after.zero_point
    inside = (exact > after.qtype.qmin) & (exact < after.qtype.qmax)
    assert inside.mean() > 0.9
    assert np.abs(found[blend.output] - exact)[inside].max() < 0.5 + 1e-4


def assert_same_in_onnx_runtime(graph, found):
    """Bit for bit, of every operator, with nothing put right between them."""
    given = {image.codes: found[image.codes] for image in graph.images.values()}
    sooner = OrtNetwork(graph, every=True).run_codes(given)
    different = [one.output for one in graph.operators if not np.array_equal(sooner[one.output], found[one.output])]
    assert different == []


def test_all_kinds_have_been_shown():
    kinds = {kind for kind in vars(operators).values() if isinstance(kind, type) and issubclass(kind, IntegerOperator)}
    assert kinds - {IntegerOperator, Layer} == RUN.keys() == WRITERS.keys()


FUSED = {
    "silu": [("Conv", ["f", "more"], ["c"], AROUND), ("Sigmoid", ["c"], ["s"], {}), ("Mul", ["c", "s"], ["g"], {})],
    "hardswish": [("Conv", ["f", "more"], ["c"], AROUND), ("HardSwish", ["c"], ["g"], {})],
}


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("case", FUSED)
def test_an_activation_inside_a_layer_is_looked_up_from_codes_of_its_own(build, images, case, bits):
    model = net(build, FUSED[case])
    *seen, unseen = images(4, (1, 3, 8, 8))
    qdq = quantised(model, seen, load_target("openvino").capability).qdq()
    graph, found = all_codes(qdq, unseen, preactivation=bits)
    [index] = [k for k, one in enumerate(graph.operators) if one.inputs[0].endswith("/preactivation")]
    layer, table = graph.operators[index - 1 : index + 1]
    assert isinstance(layer, Convolution) and isinstance(table, Table) and table.entries.size == 1 << bits
    assert_same_in_onnx_runtime(graph, found)
    assert layer.high - layer.low + 1 == 1 << bits == 1 << graph.grids[layer.output].qtype.bits
    errors = off_by(qdq, unseen, by_quantizer(qdq, found))
    most = {name: most for name, (most, _) in errors.items()}
    assert max(most.values()) <= (4 if bits == 8 else 1)


@pytest.mark.parametrize("bits", [18, 24, 31])
def test_multipliers_of_other_widths(build, images, bits):
    *seen, unseen = images(4, (1, 3, 8, 8))
    model = net(build, CASES["SiLU in steps"])
    qdq = quantised(model, seen, ORT).qdq()
    graph, found = all_codes(qdq, unseen, multiplier=bits)
    for operator in graph.operators:
        assert np.array_equal(found[operator.output], run(operator, *(found[name] for name in operator.inputs)))
    assert_same_in_onnx_runtime(graph, found)
    layers = [one for one in graph.operators if isinstance(one, Convolution)]
    assert all((one.multiplier.multiplier >> (bits - 1) == 1).all() for one in layers)
