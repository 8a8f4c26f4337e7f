from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.lower_opset import OPSET, lower_opset


def lowered(model: ir.Model) -> ir.Model:
    """In opset 13, which ONNX's checker agrees to."""
    found = lower_opset(model)
    onnx.checker.check_model(ir.to_proto(found), full_check=True)
    assert found.graph.opset_imports[""] == OPSET
    return found


def test_what_came_later_is_written_as_before(build, greatest_difference):
    model = build(
        [
            ("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}),
            ("ReduceMax", ["b", "axes"], ["m"], {"keepdims": 1}),
            ("Mul", ["a", "m"], ["c"], {}),
            ("HardSwish", ["c"], ["h"], {}),
            ("Resize", ["h", "", "scales"], ["r"], {"mode": "nearest", "antialias": 0}),
            ("Pad", ["r", "pads"], ["p"], {}),
            ("Reshape", ["p", "flat"], ["y"], {"allowzero": 1}),
        ],
        {"x": [1, 4, 3, 3]},
        {"y": [1, 98]},
        {
            "axes": np.array([1]),
            "scales": np.array([1, 1, 2, 2], np.float32),
            "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
            "flat": np.array([1, -1]),
        },
    )
    assert greatest_difference(model, lowered(model), (1, 4, 3, 3), 4.0) < 1e-6


def test_a_whole_net(small_net, greatest_difference):
    assert greatest_difference(small_net, lowered(small_net), (1, 3, 16, 16)) < 1e-6


def test_a_trained_detector(weights, greatest_difference):
    model = prepare(ir.load(weights("nanodet_m_320.onnx")))
    assert greatest_difference(model, lowered(model), (1, 3, 320, 320)) < 1e-3


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("Mish", ["x"], ["y"], {}), "Mish is not part of it"),
        (("Split", ["x"], ["y", "z"], {"axis": 1, "num_outputs": 2}), "its parts are not equal"),
        (("Resize", ["x", "", "s"], ["y"], {"antialias": 1, "mode": "linear"}), "antialias = 1"),
        (("Reshape", ["x", "e"], ["y"], {"allowzero": 1}), "allowzero = 1"),
        (("Pad", ["x", "p", "", "a"], ["y"], {}), "it pads some axes only"),
    ],
)
def test_what_has_no_way_down_is_named(build, row, why):
    weights = {
        "s": np.array([1, 1, 0.5, 0.5], np.float32),
        "e": np.array([0, 3, 4, 4]),
        "p": np.array([1, 1]),
        "a": np.array([2]),
    }
    op, takes, gives, attributes = row
    model = build([(op, takes, gives, {"name": "late", **attributes})], {"x": [1, 3, 4, 4]}, {"y": None}, weights)
    for node in model.graph:  # as shape inference leaves them
        for place, out in enumerate(node.outputs):
            out.shape = ir.Shape([1, 2 - place, 4, 4])
    with pytest.raises(UnsupportedOperator, match=f"{op} 'late' cannot be written in opset 13: {why}"):
        lower_opset(model)
