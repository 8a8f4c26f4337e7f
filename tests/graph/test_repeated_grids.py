"""What only moves codes needs its grid written down once."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import prepare
from detquant.graph.qdq import insert_qdq
from detquant.graph.repeated_grids import without_repeated_grids
from detquant.numerics import QuantSpec, grid_from_range
from detquant.numerics.qtype import QType

SPEC = QuantSpec(qtype=QType(8, False), symmetric=False)
ONE, OTHER = grid_from_range(-1.0, 1.0, SPEC), grid_from_range(-2.0, 3.0, SPEC)


@pytest.fixture
def joining(build):
    """joining(grid of y): two Relus meet in a Concat, which is pooled and goes out."""

    def make(second=ONE, moved=ONE, kind="MaxPool", words=None):
        rows = [
            ("Relu", ["x"], ["a"], {"name": "a"}),
            ("Neg", ["x"], ["n"], {"name": "n"}),
            ("Relu", ["n"], ["b"], {"name": "b"}),
            ("Concat", ["a", "b"], ["j"], {"name": "join", "axis": 1}),
            (kind, ["j", *(["", "scales"] if kind == "Resize" else [])], ["p"], {"name": "move", **(words or {})}),
            ("Relu", ["p"], ["y"], {"name": "y"}),
        ]
        weights = {"scales": np.array([1, 1, 2, 2], np.float32)} if kind == "Resize" else {}
        net = prepare(build(rows, {"x": [1, 2, 4, 4]}, {"y": None}, weights))
        grids = {"a": ONE, "b": second, "j": ONE, "p": moved, "y": ONE}
        return insert_qdq(net, activations=grids, weights={}, nodes=["a", "b", "join", "move", "y"])

    return make


def quantized(model):
    return [node.inputs[0].name for node in model.graph if node.op_type == "QuantizeLinear"]


def test_one_grid_is_written_once(joining, greatest_difference):
    before = joining(words={"kernel_shape": [2, 2]})
    after = without_repeated_grids(before)
    assert set(quantized(before)) - set(quantized(after)) == {"j", "p"}
    assert greatest_difference(before, after, (1, 2, 4, 4)) == 0.0
    onnx.checker.check_model(ir.to_proto(after), full_check=True)


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"second": OTHER, "words": {"kernel_shape": [2, 2]}}, {"p"}),  # they meet on two grids
        ({"moved": OTHER, "words": {"kernel_shape": [2, 2]}}, {"j"}),  # requantised behind the pool
        ({"kind": "Resize", "words": {"mode": "linear"}}, {"j"}),  # makes values between the codes
        ({"kind": "Resize", "words": {"mode": "nearest"}}, {"j", "p"}),
    ],
)
def test_another_grid_stays(joining, greatest_difference, options, gone):
    before = joining(**options)
    after = without_repeated_grids(before)
    assert set(quantized(before)) - set(quantized(after)) == gone
    assert greatest_difference(before, after, (1, 2, 4, 4)) == 0.0


def test_an_output_keeps_its_name_and_grid(build):
    rows = [("Relu", ["x"], ["a"], {"name": "a"}), ("MaxPool", ["a"], ["y"], {"name": "p", "kernel_shape": [2, 2]})]
    net = prepare(build(rows, {"x": [1, 2, 4, 4]}, {"y": None}, {}))
    before = insert_qdq(net, activations={"a": ONE, "y": ONE}, weights={}, nodes=["a", "p"])
    after = without_repeated_grids(before)
    assert len(quantized(after)) == 2 and [value.name for value in after.graph.outputs] == ["y"]
