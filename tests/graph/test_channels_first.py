from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.channels_first import channels_first
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner

IMAGE = (1, 12, 10, 3)
TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
CASES: dict[str, tuple[list[Any], dict[str, np.ndarray], bool]] = {
    "directly": ([("Transpose", ["x"], ["t"], {"perm": TO_FIRST})], {}, True),
    "through arithmetic": (
        [
            ("Sub", ["x", "mean"], ["a"], {}),
            ("Mul", ["scale", "a"], ["b"], {}),
            ("Clip", ["b", "low", "high"], ["c"], {}),
            ("Transpose", ["c"], ["t"], {"perm": TO_FIRST}),
        ],
        {
            "mean": np.array([1, 2, 3], np.float32),
            "scale": np.full((1, 1, 1, 1), 2, np.float32),
            "low": np.float32(-1),
            "high": np.float32(9),
        },
        True,
    ),
    "through slices, pads and sizes": (
        [
            ("Slice", ["x", "start", "stop", "axis", "step"], ["a"], {}),
            ("Pad", ["a", "pads"], ["b"], {}),
            ("Resize", ["b", "", "", "sizes"], ["c"], {"mode": "linear"}),
            ("Transpose", ["c"], ["t"], {"perm": TO_FIRST}),
        ],
        {
            "start": np.array([-1]),
            "stop": np.array([-9]),
            "axis": np.array([3]),
            "step": np.array([-1]),
            "pads": np.array([0, 1, 0, 0, 0, 0, 2, 0]),
            "sizes": np.array([1, 20, 24, 3]),
        },
        True,
    ),
    "through a sum and a concatenation of maps": (
        [
            ("Neg", ["x"], ["a"], {}),
            ("Add", ["x", "a"], ["b"], {}),
            ("Concat", ["b", "x"], ["c"], {"axis": 3}),
            ("Slice", ["c", "start", "stop", "axis"], ["d"], {}),
            ("Transpose", ["d"], ["t"], {"perm": TO_FIRST}),
        ],
        {"start": np.array([2]), "stop": np.array([5]), "axis": np.array([-1])},
        True,
    ),
    "through activations, where a map is read twice": (
        [
            ("Sigmoid", ["x"], ["s"], {}),
            ("Mul", ["x", "s"], ["a"], {}),
            ("HardSwish", ["a"], ["b"], {}),
            ("PRelu", ["b", "slopes"], ["c"], {}),
            ("Resize", ["c", "", "scales"], ["d"], {"mode": "nearest"}),
            ("Transpose", ["d"], ["t"], {"perm": TO_FIRST}),
        ],
        {"slopes": np.array([0.1, 0.2, 0.3], np.float32), "scales": np.array([1, 2, 2, 1], np.float32)},
        True,
    ),
    "through a split and a concatenation along rows": (
        [
            ("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}),
            ("Concat", ["b", "a"], ["c"], {"axis": -3}),
            ("Transpose", ["c"], ["t"], {"perm": TO_FIRST}),
        ],
        {},
        True,
    ),
    "through a mean of places": (
        [
            ("ReduceMean", ["x", "places"], ["m"], {}),
            ("Mul", ["x", "m"], ["a"], {}),
            ("Transpose", ["a"], ["t"], {"perm": TO_FIRST}),
        ],
        {"places": np.array([1, -2])},
        True,
    ),
    "not through a mean that takes its axes away": (
        [
            ("ReduceMean", ["x", "places"], ["m"], {"keepdims": 0}),
            ("Mul", ["x", "m"], ["a"], {}),
            ("Transpose", ["a"], ["t"], {"perm": TO_FIRST}),
        ],
        {"places": np.array([0, 1, 2])},
        False,
    ),
    "not through a softmax": (
        [("Softmax", ["x"], ["a"], {"axis": 3}), ("Transpose", ["a"], ["t"], {"perm": TO_FIRST})],
        {},
        False,
    ),
    "not through a constant that differs from cell to cell": (
        [("Mul", ["x", "grid"], ["a"], {}), ("Transpose", ["a"], ["t"], {"perm": TO_FIRST})],
        {"grid": np.random.default_rng(1).random((12, 10, 3)).astype(np.float32)},
        False,
    ),
}


def run(model: ir.Model, images: np.ndarray) -> list[np.ndarray]:
    return list(OrtRunner(model, optimisation="none").run({"x": images}).values())


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_computed_from_channels_first(name, build) -> None:
    rows, constants, vanishes = CASES[name]
    rows = [*rows, ("Conv", ["t", "w"], ["y"], {})]
    model = infer_shapes(build(rows, {"x": list(IMAGE)}, {"y": None}, constants | {"w": WEIGHT}))
    images = np.random.default_rng(2).standard_normal(IMAGE).astype(np.float32)
    expected = run(model, images)
    channels_first(model)
    assert tuple(model.graph.inputs[0].shape or ()) == (1, 3, 12, 10)
    np.testing.assert_allclose(run(model, images.transpose(0, 3, 1, 2))[0], expected[0], rtol=1e-5, atol=1e-5)
    assert ("Transpose" not in [node.op_type for node in model.graph]) == vanishes


def test_an_image_that_is_an_output_too(build) -> None:
    model = infer_shapes(build([("Neg", ["x"], ["y"], {})], {"x": list(IMAGE)}, {"y": list(IMAGE)}))
    images = np.random.default_rng(2).random(IMAGE, np.float32)
    channels_first(model)
    assert [value.name for value in model.graph.outputs] == ["y"]
    np.testing.assert_array_equal(run(model, images.transpose(0, 3, 1, 2))[0], -images)


def test_channels_that_are_first_stay_so(build) -> None:
    model = build([("Neg", ["x"], ["y"], {})], {"x": [1, 3, 12, 4]}, {"y": None})
    channels_first(model)
    assert [node.op_type for node in model.graph] == ["Neg"]
