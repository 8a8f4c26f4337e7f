from __future__ import annotations

import time

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.fold_constants import fold_constants
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.values import static_shape


def test_every_value_gets_shape_and_type(build):
    model = build(
        [
            ("Conv", ["x", "w"], ["c"], {"strides": [2, 2]}),
            ("Shape", ["c"], ["s"], {}),
            ("Reshape", ["c", "target"], ["y"], {}),
        ],
        {"x": [1, 3, 9, 9]},
        {"y": None, "s": None},
        {"w": np.ones((5, 3, 3, 3), np.float32), "target": np.array([0, 5, -1], np.int64)},
    )
    model.graph.outputs[1].dtype = ir.DataType.INT64
    values = {out.name: out for node in infer_shapes(model).graph for out in node.outputs}
    assert {name: static_shape(value) for name, value in values.items()} == {
        "c": (1, 5, 4, 4),
        "s": (4,),
        "y": (1, 5, 16),
    }
    assert values["c"].dtype == ir.DataType.FLOAT


def test_what_depends_on_the_data_stays_unknown(build):
    model = build([("NonZero", ["x"], ["n"], {}), ("Relu", ["x"], ["y"], {})], {"x": [3, 4]}, {"y": None})
    values = {out.name: out for node in infer_shapes(model).graph for out in node.outputs}
    assert static_shape(values["n"]) is None
    assert static_shape(values["y"]) == (3, 4)


@pytest.mark.parametrize("kind", [np.int64, np.float32])
@pytest.mark.parametrize("begin", ["w", "e"])  # a value of the file, and one whose size is computed
def test_what_doubles_is_not_written_down(kind, begin, build):
    doublings = [("Concat", [f"d{k}"] * 2, [f"d{k + 1}"], {"axis": 0}) for k in range(30)]
    rows = [
        ("Expand", ["w", "sizes"], ["e"], {}),
        ("Identity", [begin], ["d0"], {}),
        *doublings,
        ("Relu", ["x"], ["y"], {}),
    ]
    weights = {"w": np.ones(1, kind), "sizes": np.array([4])}
    model = build(rows, {"x": [3, 4]}, {"y": None}, weights)
    begun = time.thread_time()
    values = {out.name: out for node in infer_shapes(model).graph for out in node.outputs}
    assert time.thread_time() - begun < 5
    assert static_shape(values["d30"]) == (2**30 * (1 if begin == "w" else 4),)


def test_shapes_beside_what_doubles_are_folded_in_rounds(build):
    doublings = [("Concat", [f"d{k}"] * 2, [f"d{k + 1}"], {"axis": 0}) for k in range(26)]
    rows = [
        *doublings,
        ("Gather", ["d26", "zero"], ["one"], {}),
        ("Shape", ["x"], ["s"], {}),
        ("Gather", ["s", "zero"], ["three"], {}),
        ("Concat", ["three", "one", "rest"], ["target"], {"axis": 0}),
        ("Reshape", ["x", "target"], ["y"], {}),
        ("Relu", ["y"], ["z"], {}),
    ]
    weights = {"d0": np.ones(1, np.int64), "zero": np.array([0]), "rest": np.array([2, 2])}
    folded = fold_constants(build(rows, {"x": [3, 4]}, {"z": None}, weights))
    assert [value.shape.rank() for value in folded.graph.outputs] == [4]
