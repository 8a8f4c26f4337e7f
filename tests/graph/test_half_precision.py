from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.graph.half_precision import to_half
from detquant.graph.running import OrtRunner


def test_it_computes_in_half_and_looks_the_same_from_outside(small_net, images):
    half = to_half(small_net)
    onnx.checker.check_model(ir.to_proto(half), full_check=True)
    assert {value.dtype for value in (*half.graph.inputs, *half.graph.outputs)} == {ir.DataType.FLOAT}
    assert {v.dtype for v in half.graph.initializers.values()} <= {ir.DataType.FLOAT16, ir.DataType.INT64}
    convolved = [node.outputs[0].dtype for node in half.graph if node.op_type == "Conv"]
    assert convolved and set(convolved) == {ir.DataType.FLOAT16}
    before, after = OrtRunner(small_net), OrtRunner(half)
    for feed in images():
        np.testing.assert_allclose(after.run(feed)["scores"], before.run(feed)["scores"], atol=2e-3)
    assert all(value.dtype == ir.DataType.FLOAT for value in small_net.graph.inputs)


def test_scales_stay_and_casts_follow(build, greatest_difference):
    model = build(
        [
            ("Resize", ["x", "", "s"], ["r"], {"mode": "nearest"}),
            ("Cast", ["r"], ["i"], {"to": onnx.TensorProto.INT32}),
            ("Cast", ["i"], ["f"], {"to": onnx.TensorProto.FLOAT}),
            ("Mul", ["f", "s"], ["y"], {}),
        ],
        {"x": [1, 2, 4, 4]},
        {"y": None},
        {"s": np.array([1, 1, 2, 2], np.float32)},
    )
    for node in model.graph:
        node.outputs[0].type = ir.TensorType(ir.DataType.INT32 if node.outputs[0].name == "i" else ir.DataType.FLOAT)
    model.graph[0].outputs[0].shape = ir.Shape([1, 2, 8, 8])
    small = build(
        [("Mul", ["x", "s"], ["y"], {})], {"x": [1, 2, 4, 4]}, {"y": None}, {"s": np.ones((1, 1, 1, 4), np.float32)}
    )
    half = to_half(small)
    assert half.graph.initializers["s"].dtype == ir.DataType.FLOAT16
    half = to_half(model)
    resize = next(node for node in half.graph if node.op_type == "Resize")
    assert resize.inputs[2] is not None and resize.inputs[2].dtype == ir.DataType.FLOAT
    kinds = {node.outputs[0].name: node.attributes.get_int("to", 0) for node in half.graph if node.op_type == "Cast"}
    assert kinds["f"] == ir.DataType.FLOAT16 and kinds["i"] == ir.DataType.INT32


def test_suppression_is_fed_in_float(build):
    model = build(
        [("NonMaxSuppression", ["boxes", "scores", "most"], ["y"], {})],
        {"boxes": [1, 6, 4], "scores": [1, 1, 6]},
        {},
        {"most": np.array([3])},
    )
    model.graph[0].outputs[0].type = ir.TensorType(ir.DataType.INT64)
    model.graph.outputs.append(model.graph[0].outputs[0])
    rng = np.random.default_rng(0)
    corner = rng.random((1, 6, 2)).astype(np.float32)
    feed = {"boxes": np.concatenate([corner, corner + 0.5], axis=2), "scores": rng.random((1, 1, 6), np.float32)}
    np.testing.assert_array_equal(OrtRunner(to_half(model)).run(feed)["y"], OrtRunner(model).run(feed)["y"])


def test_a_weight_that_half_precision_does_not_have(build):
    model = build([("Mul", ["x", "w"], ["y"], {})], {"x": [1, 2]}, {"y": None}, {"w": np.array([[1, 7e4]], np.float32)})
    with pytest.raises(ModelError, match="'w' holds 7e\\+04, and half precision ends at 65504"):
        to_half(model)
