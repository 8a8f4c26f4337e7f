"""Inputs besides the image become constants, and what only they decide is computed."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx import TensorProto, helper

from detquant.graph.frozen_inputs import with_frozen_inputs
from detquant.graph.running import OrtRunner


def model() -> ir.Model:
    nodes = [
        helper.make_node("Cast", ["sizes"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["real", "real"], ["twice"], axis=1),
        helper.make_node("Mul", ["boxes", "twice"], ["out"]),
    ]
    float_, whole = TensorProto.FLOAT, TensorProto.INT64
    graph = helper.make_graph(
        nodes,
        "boxes",
        [helper.make_tensor_value_info("boxes", float_, [5, 4]), helper.make_tensor_value_info("sizes", whole, [1, 2])],
        [helper.make_tensor_value_info("out", float_, [5, 4])],
    )
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def test_same_numbers_without_the_input() -> None:
    given, boxes = {"sizes": np.array([[30, 20]])}, np.random.default_rng(0).random((5, 4)).astype(np.float32)
    before, frozen = model(), with_frozen_inputs(model(), given)
    assert [value.name for value in frozen.graph.inputs] == ["boxes"]
    assert [node.op_type for node in frozen.graph] == ["Mul"]
    expected = OrtRunner(before).run({"boxes": boxes, **given})["out"]
    np.testing.assert_array_equal(OrtRunner(frozen).run({"boxes": boxes})["out"], expected)


def test_the_element_type_is_the_graphs() -> None:
    frozen = with_frozen_inputs(model(), {"sizes": np.array([[30.0, 20.0]], np.float32)})
    assert [value.name for value in frozen.graph.inputs] == ["boxes"]
    assert OrtRunner(frozen).run({"boxes": np.ones((5, 4), np.float32)})["out"][0].tolist() == [30, 20, 30, 20]


def test_nothing_to_freeze_is_the_model_itself() -> None:
    whole = model()
    assert with_frozen_inputs(whole, {}) is whole
