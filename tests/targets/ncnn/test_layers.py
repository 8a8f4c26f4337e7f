"""Each integer layer by itself computes the plan: the codes of what it reads, times the codes of its weights.

Over sixty layers single codes that fall on the other side of a half would grow to a difference that says nothing. So
each layer of the embedded detector is recomputed, in whole numbers, from the floats that ncnn itself gave to it.
"""

from __future__ import annotations

import given_codes
import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("ncnn", reason="the extra ncnn is not installed")

from seen import Blobs, codes_of

import detquant
from detquant.data.scenes import scene
from detquant.graph import prepare
from detquant.graph.grids import source_of, stored_codes
from detquant.graph.running import OrtRunner
from detquant.graph.values import is_op
from detquant.targets import load_target
from detquant.targets.ncnn.integer import written_codes
from detquant.targets.ncnn.unrounded import reads_codes, with_unrounded_reads

TARGET = load_target("ncnn")


def alone(node: ir.Node) -> OrtRunner:
    """A convolution of codes in whole numbers, as float64 holds them."""
    weight = stored_codes(node.inputs[1])
    shape = node.inputs[0].shape
    x = ir.Value(name="x", shape=shape, type=ir.TensorType(ir.DataType.FLOAT))
    codes = ir.Value(name="w", const_value=ir.Tensor(weight.codes.astype(np.float32), name="w"))
    copy = ir.node("Conv", [x, codes], attributes=dict(node.attributes), name="it")
    copy.outputs[0].name, copy.outputs[0].type = "y", x.type
    graph = ir.Graph([x], copy.outputs, nodes=[copy], initializers=[codes], opset_imports={"": 21}, name="alone")
    return OrtRunner(ir.Model(graph, ir_version=10), optimisation="none")


def test_each_convolution_of_the_embedded_detector_is_the_plans():
    detector = detquant.load("yolov8-pico")
    feeds = [
        {detector.family.input_name: detector.family.preprocess(scene("calibration", k).image)[0]} for k in range(4)
    ]
    qdq = given_codes.quantised(detector.model, feeds, TARGET.capability).qdq()
    blobs = Blobs(TARGET.lower(qdq), feeds[0])
    lines = {name: (inputs, outputs) for _, name, inputs, outputs, _ in blobs.layers}
    graph, seen = prepare(with_unrounded_reads(qdq)).graph, 0
    for node in graph:
        if not is_op(node, "Conv") or not reads_codes(node):
            continue
        source, weight = source_of(node.inputs[0]), stored_codes(node.inputs[1])
        [read], [made] = lines[node.name]
        codes = codes_of(blobs[read], source.grid.scale)
        sums = alone(node).run({"x": codes.astype(np.float32)})["y"]  # below 2 ** 24, so exact
        assert np.abs(sums).max() < 1 << 24
        bias = stored_codes(node.inputs[2]).real.reshape(1, -1, 1, 1)
        expected = sums * (source.grid.scale * weight.grid.scale).reshape(1, -1, 1, 1) + bias
        np.testing.assert_allclose(blobs[made], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        seen += 1
    assert seen == 63


def test_a_chain_of_layers_that_write_codes_is_the_plans():
    """The embedded classifier: ncnn is nearer to the plan than the plan is to float, by far."""
    detector = detquant.load("resnet-pico")
    feeds = [{"images": detector.family.preprocess(scene("calibration", k).image)[0]} for k in range(6)]
    qdq = given_codes.quantised(detector.model, feeds, TARGET.capability).qdq()
    runner, planned = TARGET.open(TARGET.lower(qdq)), OrtRunner(prepare(with_unrounded_reads(qdq)), optimisation="none")
    assert runner.writing_codes() == 9
    found, expected, exact = (
        np.array([one.run(feed)["output0"] for feed in feeds]) for one in (runner, planned, OrtRunner(detector.model))
    )
    assert np.abs(found - expected).mean() < 0.2 * np.abs(expected - exact).mean()


@pytest.mark.parametrize("activation", ["none", "Relu", "LeakyRelu", "Clip", "HardSwish", "Mish"])
@pytest.mark.parametrize("groups", [1, 12])
def test_codes_that_a_layer_writes_are_those_that_the_next_would_make(build, activation, groups):
    rng = np.random.default_rng(3)
    weights = {
        "a": rng.normal(0, 0.3, (12, 12 // groups, 3, 3)).astype(np.float32),
        "b": rng.normal(0, 0.3, (7, 12, 1, 1)).astype(np.float32),
        "low": np.float32(-0.5),
        "high": np.float32(1.5),
    }
    inputs = {"Clip": ["c", "low", "high"]}.get(activation, ["c"])
    middle = [] if activation == "none" else [(activation, inputs, ["d"], {})]
    rows = [
        ("Conv", ["x", "a"], ["c"], {"name": "first", "group": groups}),
        *middle,
        ("Conv", ["d" if middle else "c", "b"], ["y"], {"name": "second"}),
    ]
    model = prepare(
        build(rows, {"x": [1, 12, 9, 11]}, {"y": None}, {k: w for k, w in weights.items() if k in str(rows)})
    )
    feeds = [{"x": rng.normal(size=(1, 12, 9, 11)).astype(np.float32)} for _ in range(4)]
    qdq = given_codes.quantised(model, feeds, TARGET.capability).qdq()
    direct = TARGET.open(TARGET.lower(qdq))
    assert direct.writing_codes() == 1
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr("detquant.targets.ncnn.walk.written_codes", lambda node, result: None)
        apart = TARGET.open(TARGET.lower(qdq))
    assert apart.writing_codes() == 0
    planned = OrtRunner(prepare(with_unrounded_reads(qdq)), optimisation="none")
    for feed in feeds:
        np.testing.assert_array_equal(direct.run(feed)["y"], apart.run(feed)["y"])
        expected = planned.run(feed)["y"]
        assert np.mean(np.abs(direct.run(feed)["y"] - expected) > 1e-4) < 0.01


def test_what_a_float_operator_reads_too_is_not_written_in_codes(small_net, images):
    qdq = given_codes.quantised(small_net, images(), TARGET.capability).qdq()
    graph = prepare(with_unrounded_reads(qdq)).graph
    assert not [node for node in graph if is_op(node, "Conv") and written_codes(node, node.outputs[0])]
    assert not [node for node in graph if is_op(node, "Concat", "MaxPool", "Add") and source_of(node.inputs[0])]


LAYERS = {
    "convolution": ([("Conv", ["t", "w"], ["y"], {"pads": [1, 1, 1, 1]})], (6, 4, 3, 3)),
    "convolution by twos": ([("Conv", ["t", "w"], ["y"], {"strides": [2, 2], "pads": [0, 1, 1, 0]})], (6, 4, 3, 3)),
    "dilated": ([("Conv", ["t", "w"], ["y"], {"dilations": [2, 2], "pads": [2, 2, 2, 2]})], (6, 4, 3, 3)),
    "depthwise": ([("Conv", ["t", "w"], ["y"], {"group": 4, "pads": [1, 1, 1, 1]})], (4, 1, 3, 3)),
    "depthwise, three each": ([("Conv", ["t", "w"], ["y"], {"group": 4})], (12, 1, 3, 3)),
    "in two groups": ([("Conv", ["t", "w"], ["y"], {"group": 2})], (6, 2, 3, 3)),
    "product of rows": ([("MatMul", ["t", "w"], ["y"], {})], (7, 5)),
    "Gemm": ([("Flatten", ["t"], ["f"], {}), ("Gemm", ["f", "w"], ["y"], {"transB": 1})], (3, 224)),
    "Gemm, turned": (
        [("Flatten", ["t"], ["f"], {}), ("Gemm", ["f", "w"], ["g"], {}), ("Relu", ["g"], ["y"], {})],
        (224, 3),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_one_layer_of_each_kind(build, name):
    rows, shape = LAYERS[name]
    rng = np.random.default_rng(9)
    weights = {"w": rng.normal(0, 0.3, shape).astype(np.float32)}
    model = prepare(build([("LeakyRelu", ["x"], ["t"], {}), *rows], {"x": [1, 4, 8, 7]}, {"y": None}, weights))
    feeds = [{"x": rng.normal(size=(1, 4, 8, 7)).astype(np.float32)} for _ in range(3)]
    qdq = given_codes.quantised(model, feeds, TARGET.capability).qdq()
    runner, planned = TARGET.open(TARGET.lower(qdq)), OrtRunner(prepare(qdq), optimisation="none")
    found = runner.precisions()
    assert all(set(kinds) == {"int8"} for kind, kinds in found.items() if kind in ("Convolution", "InnerProduct"))
    assert {"int8"} in map(set, found.values())
    for feed in feeds:
        expected = planned.run(feed)["y"]
        assert runner.run(feed)["y"].shape == expected.shape
        np.testing.assert_allclose(runner.run(feed)["y"], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
