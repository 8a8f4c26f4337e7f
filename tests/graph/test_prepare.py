from __future__ import annotations

import contextlib

import numpy as np
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.graph.prepare import prepare
from detquant.graph.values import static_shape

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def dynamic_detector(build, opset=13):
    """A backbone with BatchNorm and a head that computes its reshape, all dimensions free."""
    rows = [
        ("Conv", ["image", "w"], ["c"], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["n"], {}),
        ("Sigmoid", ["n"], ["s"], {}),
        ("Mul", ["n", "s"], ["m"], {}),
        ("Conv", ["m", "head"], ["h"], {}),
        ("Shape", ["h"], ["shape"], {}),
        ("Gather", ["shape", "zero"], ["batch"], {"axis": 0}),
        ("Unsqueeze", ["batch", "axes"], ["batch1"], {}),
        ("Concat", ["batch1", "rest"], ["target"], {"axis": 0}),
        ("Reshape", ["h", "target"], ["flat"], {}),
        ("Identity", ["flat"], ["out"], {}),
    ]
    constants = {
        "w": normal(8, 3, 3, 3),
        "head": normal(5, 8, 1, 1),
        "gamma": normal(8),
        "beta": normal(8),
        "mean": normal(8),
        "var": RNG.uniform(0.5, 2, 8).astype(np.float32),
        "zero": np.array(0, np.int64),
        "axes": np.array([0], np.int64),
        "rest": np.array([5, -1], np.int64),
    }
    return build(rows, {"image": ["n", 3, "h", "w"]}, {"out": ["n", 5, "boxes"]}, constants, opset=opset)


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_a_dynamic_detector_becomes_static_and_stays_the_same_function(build, greatest_difference, opset):
    before = dynamic_detector(build, opset)
    after = prepare(before, (32, 48))
    assert [node.op_type for node in after.graph] == ["Conv", "Sigmoid", "Mul", "Conv", "Reshape"]
    assert static_shape(after.graph.inputs[0]) == (1, 3, 32, 48)
    assert static_shape(after.graph.outputs[0]) == (1, 5, 16 * 24)
    assert after.graph.outputs[0].name == "out"
    assert greatest_difference(before, after, (1, 3, 32, 48)) < 1e-4


def test_the_model_that_was_given_is_not_changed(build):
    before = dynamic_detector(build)
    text = str(ir.to_proto(before))
    prepare(before, 32)
    assert str(ir.to_proto(before)) == text


def test_preparing_twice_changes_nothing_more(build):
    once = prepare(dynamic_detector(build), 32)
    twice = prepare(once)
    assert ir.to_proto(once).SerializeToString() == ir.to_proto(twice).SerializeToString()


def test_free_dimensions_need_a_size(build):
    with pytest.raises(ModelError, match="pass --imgsz"):
        prepare(dynamic_detector(build))


def test_a_graph_without_nodes_is_refused(build):
    with pytest.raises(ModelError, match="no nodes"):
        prepare(build([], {"x": [1]}, {"x": [1]}))


def test_functions_of_the_model_are_inlined(build, greatest_difference):
    text = """
        <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[1,4] x) => (float[1,4] y) { y = own.Swish (x) }
        <domain: "own", opset_import: ["" : 17]>
        Swish (a) => (b) { s = Sigmoid (a)  b = Mul (a, s) }
    """
    before = ir.from_onnx_text(text)
    after = prepare(before)
    assert [node.op_type for node in after.graph] == ["Sigmoid", "Mul"] and not after.functions
    assert greatest_difference(before, after, (1, 4)) < 1e-7


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("yolov8n.onnx", 0.3),
        ("yolox_nano.onnx", 80.0),
        ("nanodet_m_416.onnx", 1.0),
        ("nanodet_m_320.onnx", 1.0),
    ],
)
def test_real_detectors_stay_the_same_function(weights, greatest_difference, name, scale):
    before = ir.load(weights(name))
    after = prepare(before)
    shape = static_shape(after.graph.inputs[0])
    assert len(after.graph.inputs) == 1 and len(after.graph) <= len(before.graph)
    assert not {"Shape", "Gather", "Constant", "Identity"} & {node.op_type for node in after.graph}
    assert all(static_shape(out) for node in after.graph for out in node.outputs)
    assert greatest_difference(before, after, shape, scale) < 1e-4


@pytest.mark.parametrize(
    ("row", "opset"),
    [(("Relu", [], ["y"], {}), 9), (("Identity", [], ["y"], {}), 21), (("Concat", ["x"], ["y"], {}), 17)],
)
def test_a_node_that_is_damaged_is_one_sentence_and_nothing_is_printed(build, capfd, row, opset):
    model = build([row, ("Relu", ["x"], ["z"], {})], {"x": [1, 4]}, {"y": [1, 4]}, opset=opset)
    with contextlib.suppress(ModelError):
        prepare(model)
    assert capfd.readouterr() == ("", "")


def test_a_value_that_no_memory_holds_is_refused(build):
    rows = [("Expand", ["x", "size"], ["big"], {}), ("ReduceMax", ["big"], ["y"], {"keepdims": 0})]
    model = build(rows, {"x": [1, 4]}, {"y": []}, {"size": np.array([2**20, 2**20, 4])})
    with pytest.raises(ModelError, match=r"value 'big' has the shape \[1048576, 1048576, 4\], which is more"):
        prepare(model)
