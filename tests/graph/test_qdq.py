"""Q and DQ, case by case; what the graph then computes is checked against numpy's own fake quantisation."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph.qdq import bias_grid, insert_qdq, storage
from detquant.graph.running import OrtRunner
from detquant.numerics import (
    INT8,
    INT32,
    UINT8,
    PerAxis,
    QType,
    QuantParams,
    QuantSpec,
    fake_quantize,
    grid_from_range,
)

ACTIVATION = QuantSpec(qtype=UINT8, symmetric=False)
WEIGHT = QuantSpec(qtype=INT8, granularity=PerAxis(0))
RNG = np.random.default_rng(5)
W = RNG.standard_normal((4, 3, 1, 1)).astype(np.float32)
B = RNG.standard_normal(4).astype(np.float32)
X = RNG.uniform(-1, 1, (1, 3, 5, 5)).astype(np.float32)
GRIDS = {name: grid_from_range(-high, high, ACTIVATION) for name, high in (("x", 1.0), ("c", 4.0), ("s", 3.0))}
W_GRID = grid_from_range(*(f(W, axis=(1, 2, 3)) for f in (np.min, np.max)), WEIGHT, axis=0)


def conv(x, weight=W, bias=B):
    return np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], x) + bias.reshape(1, -1, 1, 1)


def quantised_conv(x):
    """The integer operator in numpy: fake-quantised input, weight and bias."""
    bias = fake_quantize(B, bias_grid(GRIDS["x"], W_GRID))
    return conv(fake_quantize(x, GRIDS["x"]), fake_quantize(W, W_GRID), bias)


@pytest.fixture
def net(build):
    """Conv "int" -> c -> Sigmoid "sig" -> s and Abs "abs" -> a."""
    return build(
        [
            ("Conv", ["x", "w", "b"], ["c"], {"name": "int"}),
            ("Sigmoid", ["c"], ["s"], {"name": "sig"}),
            ("Abs", ["c"], ["a"], {"name": "abs"}),
        ],
        {"x": [1, 3, 5, 5]},
        {"s": [1, 4, 5, 5], "a": [1, 4, 5, 5]},
        {"w": W, "b": B},
    )


def run(model, x=X):
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    return OrtRunner(model, optimisation="none").run({"x": x})


def counts(model):
    kinds = [node.op_type for node in model.graph]
    return {kind: kinds.count(kind) for kind in ("QuantizeLinear", "DequantizeLinear")}


def insert(model, names=("x", "c"), nodes=("int",), weights=("int",)):
    activations = {name: GRIDS[name] for name in names}
    return insert_qdq(model, activations=activations, weights=dict.fromkeys(weights, W_GRID), nodes=nodes)


def test_behind_an_integer_operator_everyone_reads_the_codes(net):
    found = run(insert(net))
    c = fake_quantize(quantised_conv(X), GRIDS["c"])
    np.testing.assert_allclose(found["a"], np.abs(c), atol=1e-6)
    np.testing.assert_allclose(found["s"], 1 / (1 + np.exp(-c)), atol=1e-6)


def test_behind_a_float_operator_only_integer_operators_read_the_codes(net):
    model = insert(net, names=("c", "s"), nodes=("sig",), weights=())
    found = run(model)
    c = conv(X)
    s = 1 / (1 + np.exp(-fake_quantize(c, GRIDS["c"])))
    np.testing.assert_allclose(found["a"], np.abs(c), atol=1e-6)  # unrounded
    np.testing.assert_allclose(found["s"], fake_quantize(s, GRIDS["s"]), atol=1e-6)
    assert np.abs(fake_quantize(c, GRIDS["c"]) - c).max() > 1e-3


def test_a_layer_in_float_may_read_a_weight_from_codes(net):
    model = insert(net, names=("x", "c"), nodes=("sig",))
    c = conv(X, fake_quantize(W, W_GRID))  # neither its input nor its bias is rounded
    np.testing.assert_allclose(run(model)["a"], np.abs(c), atol=1e-6)
    assert "w" not in model.graph.initializers and "b" in model.graph.initializers


def test_one_q_and_one_dq_for_an_activation_and_the_model_given_is_left_alone(net):
    before = ir.to_proto(net).SerializeToString(deterministic=True)
    assert counts(insert(net)) == {"QuantizeLinear": 2, "DequantizeLinear": 4}  # x, c; and weight, bias
    assert ir.to_proto(net).SerializeToString(deterministic=True) == before


def test_the_opset_stays(net):
    assert insert(net).opset_imports == net.opset_imports == {"": 21}


def test_weights_are_stored_as_codes_and_the_float_ones_are_gone(net):
    constants = insert(net).graph.initializers
    codes = constants["w_quantized"].const_value.numpy()
    assert codes.dtype == np.int8 and np.abs(codes.reshape(4, -1)).max(axis=1).tolist() == [127] * 4
    assert "w" not in constants and "b" not in constants


def test_the_bias_lies_on_exactly_the_accumulators_grid(net):
    constants = insert(net).graph.initializers
    scale = constants["b_scale"].const_value.numpy()
    expected = GRIDS["x"].scale * W_GRID.scale
    assert scale.dtype == expected.dtype == np.float32 and scale.tobytes() == expected.tobytes()
    zero, codes = (constants[f"b_{part}"].const_value.numpy() for part in ("zero_point", "quantized"))
    assert zero.dtype == codes.dtype == np.int32 and not zero.any()
    np.testing.assert_array_equal(codes, np.rint(B / scale))


@pytest.mark.parametrize("shape", [(1, 4), (1,)])
def test_a_bias_of_another_shape_stays_float(build, shape):
    weight, bias = W[:, :, 0, 0].T.copy(), B[: np.prod(shape)].reshape(shape)
    net = build(
        [("Gemm", ["x", "w", "b"], ["c"], {"name": "int"})],
        {"x": [2, 3]},
        {"c": [2, 4]},
        {"w": weight, "b": bias},
    )
    grid = QuantParams(INT8, W_GRID.scale, W_GRID.zero_point, axis=1)
    model = insert_qdq(net, activations={"x": GRIDS["x"]}, weights={"int": grid}, nodes=["int"])
    x = X.reshape(-1)[:6].reshape(2, 3)
    expected = fake_quantize(x, GRIDS["x"]) @ fake_quantize(weight, grid) + bias
    np.testing.assert_allclose(run(model, x)["c"], expected, atol=1e-6)


def test_inputs_and_outputs_keep_their_names(build):
    net = build(
        [
            ("Conv", ["x", "w", "b"], ["c"], {"name": "int"}),
            ("Sigmoid", ["c"], ["s"], {"name": "sig"}),
        ],
        {"x": [1, 3, 5, 5]},
        {"c": [1, 4, 5, 5], "s": [1, 4, 5, 5]},
        {"w": W, "b": B},
    )
    model = insert(net, names=("x", "c", "s"), nodes=("int", "sig"))
    runner = OrtRunner(model, optimisation="none")
    assert (runner.input_names, runner.output_names) == (("x",), ("c", "s"))
    assert model.graph.outputs[0].producer().op_type == "DequantizeLinear"
    c = fake_quantize(quantised_conv(X), GRIDS["c"])
    np.testing.assert_allclose(run(model)["c"], c, atol=1e-6)


def test_an_output_that_a_float_operator_makes_stays_unrounded(build):
    net = build(
        [("Conv", ["x", "w", "b"], ["c"], {"name": "int"}), ("Sigmoid", ["c"], ["s"], {"name": "sig"})],
        {"x": [1, 3, 5, 5]},
        {"c": [1, 4, 5, 5], "s": [1, 4, 5, 5]},
        {"w": W, "b": B},
    )
    model = insert(net, names=("c",), nodes=("sig",), weights=())
    np.testing.assert_allclose(run(model)["c"], conv(X), atol=1e-6)


def test_two_operators_on_one_weight_have_a_grid_each(build):
    net = build(
        [("Conv", ["x", "w"], ["c"], {"name": "fine"}), ("Conv", ["x", "w"], ["d"], {"name": "coarse"})],
        {"x": [1, 3, 5, 5]},
        {"c": [1, 4, 5, 5], "d": [1, 4, 5, 5]},
        {"w": W},
    )
    coarse = grid_from_range(-9.0, 9.0, QuantSpec(qtype=QType(4)))
    grids = {"fine": W_GRID, "coarse": coarse}
    found = run(insert_qdq(net, activations={"x": GRIDS["x"]}, weights=grids, nodes=list(grids)))
    x = fake_quantize(X, GRIDS["x"])
    for out, grid in (("c", W_GRID), ("d", coarse)):
        np.testing.assert_allclose(found[out], conv(x, fake_quantize(W, grid), 0 * B), atol=1e-6)
    assert np.abs(found["c"] - found["d"]).max() > 0.05


@pytest.mark.parametrize(
    ("qtype", "kind"),
    [(QType(4), np.int8), (UINT8, np.uint8), (QType(10, signed=False), np.uint16), (INT32, np.int32)],
)
def test_codes_are_stored_in_the_narrowest_type(qtype, kind):
    assert storage(qtype) is kind
