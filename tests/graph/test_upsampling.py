from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.prepare import remove_unused
from detquant.graph.running import OrtRunner
from detquant.graph.upsampling import find_upsampling


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


KERAS = [
    ("Unsqueeze", ["x", "two"], ["a"], {}),
    ("Tile", ["a", "rows"], ["b"], {}),
    ("Transpose", ["b"], ["c"], {"perm": [0, 3, 2, 4, 1]}),
    ("Reshape", ["c", "tall"], ["d"], {}),
    ("Unsqueeze", ["d", "three"], ["e"], {}),
    ("Tile", ["e", "columns"], ["f"], {}),
    ("Reshape", ["f", "large"], ["y"], {}),
]
CONSTANTS = {
    "two": ints(2),
    "three": ints(3),
    "rows": ints(1, 1, 2, 1, 1),
    "columns": ints(1, 1, 1, 3, 1),
    "tall": ints(1, 10, 4, 6),
    "large": ints(1, 10, 12, 6),
    "first": ints(1, 6, 5, 1, 4, 1),
    "both": ints(1, 1, 1, 2, 1, 3),
    "whole": ints(1, 6, 10, 12),
    "wrong": ints(1, 1, 2, 1, 3, 1),
    "twice": ints(1, 1, 2, 3),
}
AT_ONCE: list[Any] = [("Reshape", ["x", "first"], ["a"], {}), ("Tile", ["a", "both"], ["b"], {})]


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        (KERAS, ["Resize", "Transpose"]),
        (
            [*KERAS[:-1], ("Reshape", ["f", "large"], ["g"], {}), ("Neg", ["g"], ["y"], {})],
            ["Resize", "Transpose", "Neg"],
        ),
        ([*AT_ONCE, ("Reshape", ["b", "whole"], ["y"], {})], None),
        ([("Tile", ["x", "twice"], ["y"], {})], ["Tile"]),
    ],
)
def test_chains_of_moves(rows, kinds, build) -> None:
    model = infer_shapes(build(rows, {"x": [1, 6, 5, 4]}, {"y": None}, CONSTANTS))
    images = np.random.default_rng(0).random((1, 6, 5, 4), np.float32)
    [expected] = OrtRunner(model).run({"x": images}).values()
    remove_unused(find_upsampling(model))
    assert [value.name for value in model.graph.outputs] == ["y"]
    [found] = OrtRunner(model).run({"x": images}).values()
    np.testing.assert_array_equal(found, expected)
    if kinds is not None:
        assert [node.op_type for node in model.graph] == kinds


def test_a_chain_that_someone_else_looks_into_stays(build) -> None:
    rows = [*KERAS, ("Neg", ["b"], ["z"], {})]
    model = infer_shapes(build(rows, {"x": [1, 6, 5, 4]}, {"y": None, "z": None}, CONSTANTS))
    images = np.random.default_rng(0).random((1, 6, 5, 4), np.float32)
    expected = OrtRunner(model).run({"x": images})
    found = OrtRunner(find_upsampling(model)).run({"x": images})
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
