from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import operators_at_ends

HALF = {"half": np.array(127.5, np.float32), "one": np.array(1, np.float32)}
WEIGHT = {"w": np.ones((2, 3, 1, 1), np.float32)}


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ([("Conv", ["x", "w"], ["y"], {})], "Conv"),
        ([("Div", ["x", "half"], ["a"], {}), ("Sub", ["a", "one"], ["b"], {}), ("Conv", ["b", "w"], ["y"], {})], "Div"),
        (
            [
                ("Cast", ["x"], ["a"], {"to": 1}),
                ("Transpose", ["a"], ["b"], {"perm": [0, 1, 3, 2]}),
                ("Sub", ["b", "half"], ["c"], {}),
                ("Conv", ["c", "w"], ["y"], {}),
            ],
            "Sub",
        ),
        ([("Identity", ["x"], ["y"], {})], None),
    ],
)
def test_the_first_that_computes(rows, first, build) -> None:
    model = build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, HALF | WEIGHT)
    assert operators_at_ends(model.graph).get("x") == first


def test_the_last_that_computes_behind_moves_joins_and_rounding(build) -> None:
    rows = [
        ("Conv", ["x", "w"], ["a"], {}),
        ("Sigmoid", ["a"], ["b"], {}),
        ("QuantizeLinear", ["b", "one", "zero"], ["q"], {}),
        ("DequantizeLinear", ["q", "one", "zero"], ["d"], {}),
        ("Concat", ["d", "a"], ["c"], {"axis": 1}),
        ("Transpose", ["c"], ["scores"], {}),
        ("Relu", ["a"], ["boxes"], {}),
    ]
    weights = HALF | WEIGHT | {"zero": np.array(0, np.uint8)}
    model = build(rows, {"x": [1, 3, 4, 4]}, {"scores": None, "boxes": None}, weights)
    assert operators_at_ends(model.graph) == {"x": "Conv", "scores": "Sigmoid", "boxes": "Relu"}
