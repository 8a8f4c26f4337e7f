from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.activations import find_activations
from detquant.graph.prepare import prepare

CONSTANTS = {
    "three": np.array(3, np.float32),
    "six": np.array([6], np.float32),
    "sixth": np.array(1 / 6, np.float32),
    "half": np.array(0.5, np.float32),
    "zero": np.array(0, np.float32),
}
SHIFT = ("Add", ["a", "three"], ["shifted"], {})
CLIP = ("Clip", ["shifted", "zero", "six"], ["gate"], {})
ALPHA = {"alpha": 0.16666667, "beta": 0.5}

WRITTEN = {
    "silu": ("silu", [("Sigmoid", ["a"], ["s"], {}), ("Mul", ["a", "s"], ["y"], {})]),
    "silu, gate first": ("silu", [("Sigmoid", ["a"], ["s"], {}), ("Mul", ["s", "a"], ["y"], {})]),
    "hardswish operator": ("hardswish", [("HardSwish", ["a"], ["y"], {})]),
    "x * HardSigmoid(x)": (
        "hardswish",
        [("HardSigmoid", ["a"], ["h"], ALPHA), ("Mul", ["a", "h"], ["y"], {})],
    ),
    "(x * clip) / 6": (
        "hardswish",
        [SHIFT, CLIP, ("Mul", ["a", "gate"], ["m"], {}), ("Div", ["m", "six"], ["y"], {})],
    ),
    "x * (clip / 6)": (
        "hardswish",
        [SHIFT, CLIP, ("Div", ["gate", "six"], ["d"], {}), ("Mul", ["d", "a"], ["y"], {})],
    ),
    "(x / 6) * clip": (
        "hardswish",
        [("Div", ["a", "six"], ["d"], {}), SHIFT, CLIP, ("Mul", ["d", "gate"], ["y"], {})],
    ),
    "x * (clip * 1/6), 3 + x": (
        "hardswish",
        [
            ("Add", ["three", "a"], ["shifted"], {}),
            CLIP,
            ("Mul", ["sixth", "gate"], ["d"], {}),
            ("Mul", ["a", "d"], ["y"], {}),
        ],
    ),
    "1/6 * (x * clip)": (
        "hardswish",
        [SHIFT, CLIP, ("Mul", ["a", "gate"], ["m"], {}), ("Mul", ["sixth", "m"], ["y"], {})],
    ),
    "mish operator": ("mish", [("Mish", ["a"], ["y"], {})]),
    "x * Tanh(Softplus(x))": (
        "mish",
        [("Softplus", ["a"], ["p"], {}), ("Tanh", ["p"], ["t"], {}), ("Mul", ["a", "t"], ["y"], {})],
    ),
}

OTHERS = {
    "sigmoid of something else": [("Sigmoid", ["x"], ["s"], {}), ("Mul", ["a", "s"], ["y"], {})],
    "half a silu": [
        ("Sigmoid", ["a"], ["s"], {}),
        ("Mul", ["s", "half"], ["h"], {}),
        ("Mul", ["a", "h"], ["y"], {}),
    ],
    "clip without the sixth": [SHIFT, CLIP, ("Mul", ["a", "gate"], ["y"], {})],
    "HardSigmoid of other slope": [("HardSigmoid", ["a"], ["h"], {}), ("Mul", ["a", "h"], ["y"], {})],
    "gate read twice": [
        ("Sigmoid", ["a"], ["s"], {}),
        ("Mul", ["a", "s"], ["m"], {}),
        ("Add", ["m", "s"], ["y"], {}),
    ],
    "division by the input": [("Sigmoid", ["a"], ["s"], {}), ("Div", ["s", "a"], ["y"], {})],
}


def model_of(build, rows):
    return build([("Neg", ["x"], ["a"], {}), *rows], {"x": [1, 4]}, {"y": None}, CONSTANTS)


@pytest.mark.parametrize("written", WRITTEN)
def test_each_way_of_writing_is_found(build, written):
    kind, rows = WRITTEN[written]
    graph = model_of(build, rows).graph
    (activation,) = find_activations(graph).values()
    assert (activation.kind, activation.input.name, activation.output.name) == (kind, "a", "y")
    assert [node.op_type for node in activation.nodes] == [row[0] for row in rows]


@pytest.mark.parametrize("other", OTHERS)
def test_what_only_looks_like_one_is_not_found(build, other):
    assert find_activations(model_of(build, OTHERS[other]).graph) == {}


def test_activations_in_a_row_are_told_apart(build):
    rows = [("Sigmoid", ["a"], ["s"], {}), ("Mul", ["a", "s"], ["b"], {})]
    rows += [("Sigmoid", ["b"], ["t"], {}), ("Mul", ["b", "t"], ["y"], {})]
    found = find_activations(model_of(build, rows).graph)
    assert [(each.input.name, each.output.name) for each in found.values()] == [("a", "b"), ("b", "y")]


def test_a_gate_that_the_graph_gives_out_is_not_inside(build):
    rows = [("Sigmoid", ["x"], ["s"], {}), ("Mul", ["x", "s"], ["y"], {})]
    assert find_activations(build(rows, {"x": [1]}, {"y": None, "s": None}).graph) == {}


@pytest.mark.parametrize(("name", "count"), [("yolov8n.onnx", 57), ("yolox_nano.onnx", 104)])
def test_real_detectors(weights, name, count):
    found = find_activations(prepare(ir.load(weights(name))).graph)
    assert [activation.kind for activation in found.values()] == ["silu"] * count
