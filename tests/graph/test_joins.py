from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import helper

from detquant.graph import joins_at_outputs, prepare


def model(nodes: list[onnx.NodeProto], outputs: dict[str, list[int]]) -> ir.Model:
    inputs = {"box": [1, 4, 6], "one": [1, 1, 6], "classes": [1, 3, 6], "more": [1, 8, 2]}
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "joins",
        [helper.make_tensor_value_info(k, onnx.TensorProto.FLOAT, v) for k, v in inputs.items() if k in read],
        [helper.make_tensor_value_info(k, onnx.TensorProto.FLOAT, v) for k, v in outputs.items()],
    )
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def test_parts_are_found_behind_what_only_moves() -> None:
    nodes = [
        helper.make_node("Concat", ["box", "one", "classes"], ["level"], axis=1),
        helper.make_node("Concat", ["level", "more"], ["all"], axis=-1),
        helper.make_node("Transpose", ["all"], ["out"], perm=[0, 2, 1]),
    ]
    assert joins_at_outputs(prepare(model(nodes, {"out": [1, 8, 8]})).graph) == {"out": ((6, 2), (4, 1, 3))}


def test_arithmetic_ends_the_way_back() -> None:
    nodes = [
        helper.make_node("Concat", ["box", "classes"], ["all"], axis=1),
        helper.make_node("Sigmoid", ["all"], ["out"]),
    ]
    assert joins_at_outputs(prepare(model(nodes, {"out": [1, 7, 6]})).graph) == {}
