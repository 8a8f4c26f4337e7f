from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.dynamic_quantization import quantize_dynamically
from detquant.graph.running import OrtRunner, as_bytes
from detquant.numerics import sqnr_db

RNG = np.random.default_rng(6)


def stored(name, shape, axis):
    """A weight as codes behind a DequantizeLinear: its row, and what it holds. Per tensor where axis is None."""
    codes = RNG.integers(-127, 128, shape).astype(np.int8)
    scale = np.asarray(RNG.uniform(0.001, 0.01, () if axis is None else shape[axis]), np.float32)
    row = ("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], [name], {} if axis is None else {"axis": axis})
    return row, {f"{name}_q": codes, f"{name}_s": scale, f"{name}_z": np.zeros(scale.shape, np.int8)}


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


CASES = {
    "Conv": (("Conv", {"pads": [1, 1, 1, 1], "strides": [2, 2]}), (6, 4, 3, 3), 0, (1, 4, 9, 9), 6),
    "Conv per tensor": (("Conv", {}), (6, 4, 1, 1), None, (1, 4, 9, 9), 6),
    "Conv of groups": (("Conv", {"group": 2}), (6, 2, 3, 3), 0, (1, 4, 9, 9), 6),
    "Conv, no bias": (("Conv", {}), (6, 4, 3, 3), 0, (1, 4, 9, 9), None),
    "Conv over one axis": (("Conv", {}), (6, 4, 3), 0, (1, 4, 9), 6),
    "MatMul": (("MatMul", {}), (8, 5), 1, (2, 3, 8), None),
    "Gemm": (("Gemm", {"alpha": 0.5, "beta": 2.0}), (8, 5), 1, (3, 8), 5),
    "Gemm, turned": (("Gemm", {"transB": 1}), (5, 8), 0, (3, 8), 5),
}


def net(build, case):
    (kind, words), shape, axis, image, bias = CASES[case]
    row, weights = stored("w", shape, axis)
    inputs = ["x", "w", *(["b"] if bias else [])]
    weights |= {"b": draw(bias)} if bias else {}
    rows = [row, (kind, inputs, ["y"], {**words, "name": "layer"})]
    return prepare(build(rows, {"x": list(image)}, {"y": None}, weights))


@pytest.mark.parametrize("case", CASES)
def test_a_layer_computes_nearly_the_same(build, case):
    model = net(build, case)
    found = quantize_dynamically(model)
    content = as_bytes(found)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    kinds = {node.op_type for node in found.graph}
    assert "DynamicQuantizeLinear" in kinds and kinds & {"ConvInteger", "MatMulInteger"}
    assert not kinds & {"Conv", "MatMul", "Gemm", "DequantizeLinear"}
    assert {name.partition("_")[0] for name in found.graph.initializers} == {"layer", "half"}  # the int8 codes are gone
    for scale in (1.0, 100.0):  # the grid follows the image
        feed = {"x": scale * draw(*CASES[case][3])}
        expected, result = OrtRunner(model).run(feed)["y"], OrtRunner(content).run(feed)["y"]
        assert expected.shape == result.shape and 30.0 < sqnr_db(expected, result) < 80.0


def test_weights_are_unsigned_and_stand_for_the_same_numbers(build):
    model = net(build, "Conv")
    codes = model.graph.initializers["w_q"].const_value.numpy()
    found = quantize_dynamically(model).graph
    unsigned = found.initializers["layer_codes"].const_value.numpy()
    assert unsigned.dtype == np.uint8 and np.array_equal(unsigned.astype(int) - 128, codes)


def test_layers_that_read_the_same_share_its_codes(build):
    rows, weights = [], {}
    for name in ("a", "b"):
        row, more = stored(name, (4, 3, 1, 1), 0)
        rows += [row, ("Conv", ["x", name], [f"y{name}"], {"name": name})]
        weights |= more
    model = build(rows, {"x": [1, 3, 8, 8]}, {"ya": None, "yb": None}, weights)
    found = quantize_dynamically(model)
    assert sum(node.op_type == "DynamicQuantizeLinear" for node in found.graph) == 1
    assert sum(node.op_type == "ConvInteger" for node in found.graph) == 2
    assert [value.name for value in found.graph.outputs] == ["ya", "yb"]


def test_layers_on_codes_and_layers_in_float_stay(build):
    row, weights = stored("w", (4, 3, 1, 1), 0)
    grid = {"s": np.array(0.02, np.float32), "z": np.array(3, np.uint8), "v": draw(4, 3, 1, 1)}
    rows = [
        row,
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["r"], {}),
        ("Conv", ["r", "w"], ["y"], {"name": "on_codes"}),
        ("Conv", ["x", "v"], ["u"], {"name": "in_float"}),
    ]
    model = build(rows, {"x": [1, 3, 8, 8]}, {"y": None, "u": None}, weights | grid)
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    assert [n.op_type for n in quantize_dynamically(model).graph] == [n.op_type for n in model.graph]
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before


def test_what_cannot_be_rounded_on_the_fly_is_refused(build):
    row, weights = stored("w", (8, 5), 1)
    turned = build([row, ("Gemm", ["x", "w"], ["y"], {"transA": 1, "name": "g"})], {"x": [8, 3]}, {"y": None}, weights)
    with pytest.raises(UnsupportedOperator, match=r"Gemm 'g' turns its first matrix.*keep it in float by a rule"):
        quantize_dynamically(turned)
    inputs = {"x": [3, 8], "b": [5]}
    biased = build([row, ("Gemm", ["x", "w", "b"], ["y"], {"name": "g"})], inputs, {"y": None}, weights)
    with pytest.raises(UnsupportedOperator, match="Gemm 'g' has a bias that is computed"):
        quantize_dynamically(biased)
