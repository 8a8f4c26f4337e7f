from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.prepare import prepare


def ones(*shape):
    return np.ones(shape, np.float32)


def operators(nodes):
    return sorted(node.op_type for node in nodes)


def test_activations_inside_the_network_are_no_tail(build):
    rows = [
        ("Conv", ["x", "w"], ["a"], {}),
        ("Sigmoid", ["a"], ["s"], {}),
        ("Mul", ["a", "s"], ["m"], {}),
        ("Conv", ["m", "w"], ["box"], {"name": "box"}),
        ("Conv", ["m", "w"], ["score"], {"name": "score"}),
        ("Sigmoid", ["score"], ["p"], {}),
        ("Concat", ["box", "p"], ["y"], {"axis": 1}),
    ]
    tail = find_decode_tail(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, {"w": ones(3, 3, 1, 1)}).graph)
    assert operators(tail.nodes) == ["Concat", "Sigmoid"]
    assert [node.name for node in tail.head_convs] == ["box", "score"]
    assert tail.reason == "2 nodes follow the last 2 weighted operators."


def test_the_expectation_over_bins_is_no_layer(build):
    rows = [
        ("Conv", ["x", "w"], ["d"], {"name": "head"}),
        ("Softmax", ["d"], ["p"], {"axis": 1}),
        ("Conv", ["p", "bins"], ["y"], {"name": "dfl"}),
    ]
    constants = {"w": ones(16, 3, 1, 1), "bins": np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1)}
    tail = find_decode_tail(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, constants).graph)
    assert operators(tail.nodes) == ["Conv", "Softmax"]
    assert [node.name for node in tail.head_convs] == ["head"]


def test_a_product_of_two_computed_matrices_is_no_layer(build):
    rows = [
        ("MatMul", ["x", "w"], ["q"], {"name": "layer"}),
        ("MatMul", ["q", "q"], ["y"], {}),
    ]
    tail = find_decode_tail(build(rows, {"x": [3, 3]}, {"y": None}, {"w": ones(3, 3)}).graph)
    assert operators(tail.nodes) == ["MatMul"]
    assert [node.name for node in tail.head_convs] == ["layer"]


def test_a_classifier_that_ends_in_its_layer_has_no_tail(build):
    rows = [("Relu", ["x"], ["r"], {}), ("Gemm", ["r", "w"], ["y"], {})]
    tail = find_decode_tail(build(rows, {"x": [1, 3]}, {"y": None}, {"w": ones(3, 3)}).graph)
    assert not tail.nodes and len(tail.head_convs) == 1 and "no tail" in tail.reason


def test_a_graph_without_layers_is_all_tail(build):
    tail = find_decode_tail(build([("Relu", ["x"], ["y"], {})], {"x": [1]}, {"y": None}).graph)
    assert len(tail.nodes) == 1 and not tail.head_convs and "no weighted operator" in tail.reason


def test_a_subgraph_that_reads_the_network_is_tail(build):
    model = build([("Conv", ["x", "w"], ["c"], {})], {"x": [1, 3, 4, 4]}, {"c": None}, {"w": ones(3, 3, 1, 1)})
    conv = model.graph.node(0)
    inner = [ir.node("Relu", [conv.outputs[0]]), ir.node("Neg", [conv.outputs[0]])]
    branches = [ir.Graph([], node.outputs, nodes=[node], name=node.op_type) for node in inner]
    choice = ir.tensor(np.array(True))
    condition = ir.node("Constant", [], {"value": choice})
    either = ir.node("If", condition.outputs, {"then_branch": branches[0], "else_branch": branches[1]})
    model.graph.extend([condition, either])
    model.graph.outputs[0] = either.outputs[0]
    tail = find_decode_tail(model.graph)
    assert operators(tail.nodes) == ["Constant", "If"]
    assert tail.head_convs == (conv,)


@pytest.mark.parametrize(
    ("name", "heads", "inside"),
    [
        ("yolov8n.onnx", 6, {"Conv", "Softmax"}),  # boxes and classes at three strides; DFL
        ("yolox_nano.onnx", 9, {"Sigmoid"}),  # boxes, objectness and classes at three strides
        ("nanodet_m_416.onnx", 3, {"Sigmoid", "Split"}),  # one convolution makes classes and boxes
    ],
)
def test_real_detectors(weights, name, heads, inside):
    graph = prepare(ir.load(weights(name))).graph
    tail = find_decode_tail(graph)
    assert len(tail.head_convs) == heads
    assert inside <= set(operators(tail.nodes))
    assert operators(tail.nodes).count("Conv") == ("Conv" in inside)
    assert {value.producer() for value in graph.outputs} <= tail.nodes
