from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import prepare
from detquant.graph.nearest import nearest_as_concat
from detquant.graph.running import OrtRunner

ROUNDINGS = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


@pytest.fixture
def resizing(build):
    """resizing(coordinates, rounding, ...): Relu, a Resize of [1, 3, 4, 5], Neg."""

    def make(coordinates="asymmetric", rounding="floor", scales=(1, 1, 2, 2), mode="nearest", outputs=("y",)):
        words = {"coordinate_transformation_mode": coordinates, "mode": mode}
        if mode == "nearest":
            words["nearest_mode"] = rounding
        rows = [
            ("Relu", ["x"], ["a"], {}),
            ("Resize", ["a", "", "scales"], ["up"], words),
            ("Neg", ["up"], ["y"], {}),
        ]
        weights = {"scales": np.array(scales, np.float32)}
        return prepare(build(rows, {"x": [1, 3, 4, 5]}, dict.fromkeys(outputs), weights))

    return make


def kinds(model):
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize(
    ("coordinates", "rounding"),
    [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil")],
)
@pytest.mark.parametrize("outputs", [("y",), ("y", "up"), ("up",)])
def test_a_doubling_becomes_two_concatenations(resizing, greatest_difference, coordinates, rounding, outputs):
    before = resizing(coordinates, rounding, outputs=outputs)
    after = nearest_as_concat(before)
    assert "Resize" not in kinds(after) and kinds(after).count("Concat") == 2
    assert greatest_difference(before, after, (1, 3, 4, 5)) == 0.0
    onnx.checker.check_model(ir.to_proto(after), full_check=True)
    assert "Resize" in kinds(before)


def test_the_names_of_values_and_nodes_stay_unique(resizing):
    after = nearest_as_concat(resizing())
    for names in ([n.name for n in after.graph], [v.name for n in after.graph for v in n.outputs]):
        assert len(set(names)) == len(names) and all(names)
    assert "up" in [v.name for n in after.graph for v in n.outputs]


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_what_is_rewritten_copies_each_value_twice(resizing, coordinates, rounding):
    """The table of coordinates and roundings against ONNX Runtime's own Resize."""
    before = resizing(coordinates, rounding)
    image = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    expected = OrtRunner(before, optimisation="none").run({"x": image})["y"]
    doubled = np.array_equal(expected, -image.repeat(2, axis=2).repeat(2, axis=3))
    rewritten = "Resize" not in kinds(nearest_as_concat(before))
    assert not rewritten or doubled


@pytest.mark.parametrize(
    "different",
    [
        {"rounding": "ceil"},
        {"coordinates": "align_corners"},
        {"scales": (1, 1, 3, 3)},
        {"scales": (1, 1, 2, 1)},
        {"scales": (1, 2, 2, 2)},
        {"mode": "linear", "coordinates": "half_pixel"},
    ],
    ids=str,
)
def test_other_resizings_stay(resizing, different):
    before = resizing(**different)
    assert kinds(nearest_as_concat(before)) == kinds(before)


def test_a_scale_that_is_not_quite_two_stays(resizing, greatest_difference):
    before = resizing(scales=(1, 1, 2.1, 2.1))
    assert greatest_difference(before, nearest_as_concat(before), (1, 3, 4, 5)) == 0.0
