"""Each layer as a matrix product gives what onnxruntime gives at the same positions."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.layerwise.form_of_node import layer_form
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.traits import weight_of
from detquant.graph.values import constant

MAP = [1, 6, 9, 11]
CASES = {
    "conv": ("Conv", MAP, [4, 6, 3, 3], {"pads": [1, 1, 1, 1]}),
    "strided, uneven pads": ("Conv", MAP, [4, 6, 3, 2], {"strides": [2, 3], "pads": [0, 1, 2, 0]}),
    "dilated": ("Conv", MAP, [4, 6, 3, 3], {"dilations": [2, 1], "pads": [2, 1, 2, 1]}),
    "in groups": ("Conv", MAP, [4, 3, 3, 3], {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ("Conv", MAP, [6, 1, 3, 3], {"group": 6, "pads": [1, 1, 1, 1]}),
    "padded by rule": ("Conv", MAP, [4, 6, 3, 3], {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "transposed": ("ConvTranspose", MAP, [6, 4, 2, 2], {"strides": [2, 2]}),
    "transposed, padded": (
        "ConvTranspose",
        MAP,
        [6, 4, 3, 3],
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    ),
    "transposed, cut": ("ConvTranspose", MAP, [6, 4, 1, 1], {"strides": [2, 2], "pads": [1, 0, 1, 0]}),
    "transposed in groups": ("ConvTranspose", MAP, [6, 2, 3, 3], {"strides": [2, 1], "group": 3}),
    "transposed, dilated": ("ConvTranspose", MAP, [6, 4, 2, 2], {"dilations": [2, 2]}),
    "gemm": ("Gemm", [5, 7], [7, 3], {}),
    "gemm turned": ("Gemm", [5, 7], [3, 7], {"transB": 1, "alpha": 0.5}),
    "matmul of a sequence": ("MatMul", [1, 5, 7], [7, 3], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_products_at_positions(build, case):
    op, shape, weight, attributes = CASES[case]
    rng = np.random.default_rng(3)
    model = prepare(
        build(
            [(op, ["x", "w"], ["y"], {"name": "layer", **attributes})],
            {"x": shape},
            {"y": None},
            {"w": rng.normal(size=weight).astype(np.float32)},
        )
    )
    node = next(node for node in model.graph if node.op_type == op)
    form, x = layer_form(node), rng.normal(size=shape).astype(np.float32)
    y = OrtRunner(model).run({"x": x})["y"]
    stored = constant(weight_of(node))
    positions = np.sort(rng.choice(form.positions, min(form.positions, 17), replace=False))
    rows = form.rows(stored)
    np.testing.assert_allclose(rows @ form.inputs(x, positions), form.outputs(y, positions), atol=2e-5)
    np.testing.assert_array_equal(form.weight(rows), stored)


def test_all_positions_are_the_whole_output(build):
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(4, 6, 3, 3)).astype(np.float32)
    model = prepare(build([("Conv", ["x", "w"], ["y"], {"strides": [2, 2]})], {"x": MAP}, {"y": None}, {"w": weight}))
    form = layer_form(model.graph[0])
    y = OrtRunner(model).run({"x": rng.normal(size=MAP).astype(np.float32)})["y"]
    np.testing.assert_array_equal(form.outputs(y, np.arange(form.positions)).reshape(y.shape), y)


@pytest.mark.parametrize(
    ("op", "shape", "weight", "attributes"),
    [
        ("Conv", [1, 6, 9], [4, 6, 3], {}),
        ("Gemm", [5, 7], [7, 3], {"beta": 0.5}),
        ("ConvTranspose", MAP, [6, 4, 2, 2], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("MatMul", [1, 5, 7], [1, 7, 3], {}),
    ],
)
def test_what_has_no_form_is_left_out(build, op, shape, weight, attributes):
    inputs = ["x", "w"] + ["b"] * (op == "Gemm")
    constants = {"w": np.ones(weight, np.float32)} | ({"b": np.ones(3, np.float32)} if op == "Gemm" else {})
    model = prepare(build([(op, inputs, ["y"], attributes)], {"x": shape}, {"y": None}, constants))
    nodes = [node for node in model.graph if node.op_type == op]
    assert all(layer_form(node) is None for node in nodes)


def test_many_inputs_are_taken_in_parts(build, monkeypatch):
    monkeypatch.setattr("detquant.algorithms.layerwise.parts_form.MOST_INPUTS", 20)
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(4, 6, 3, 3)).astype(np.float32)
    model = prepare(build([("Conv", ["x", "w"], ["y"], {})], {"x": MAP}, {"y": None}, {"w": weight}))
    form, x = layer_form(model.graph[0]), rng.normal(size=MAP).astype(np.float32)
    y, positions = OrtRunner(model).run({"x": x})["y"], np.arange(30)
    rows, inputs, outputs = form.rows(weight), form.inputs(x, positions), form.outputs(y, positions)
    assert rows.shape == (3, 4, 18)
    np.testing.assert_allclose((rows @ inputs).sum(axis=0), outputs[0], atol=2e-5)
    np.testing.assert_allclose(form.targets(inputs, outputs, rows), rows @ inputs, atol=2e-5)
    np.testing.assert_allclose(form.targets(inputs, outputs + 3, rows).sum(axis=0), outputs[0] + 3, atol=2e-5)
    np.testing.assert_array_equal(form.weight(rows), weight)
    np.testing.assert_array_equal(form.by_channel(np.arange(4)), [[0, 1, 2, 3]] * 3)
    np.testing.assert_array_equal(form.whole_bias(np.ones((3, 4), np.float32)), [3.0] * 4)


def test_many_inputs_that_cannot_be_cut_have_no_form(build, monkeypatch):
    monkeypatch.setattr("detquant.algorithms.layerwise.parts_form.MOST_INPUTS", 5)
    monkeypatch.setattr("detquant.algorithms.layerwise.parts_form.MOST_PARTS", 6)
    model = prepare(build([("MatMul", ["x", "w"], ["y"], {})], {"x": [5, 7]}, {"y": None}, {"w": np.ones((7, 3), "f")}))
    assert layer_form(model.graph[0]) is None
