from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.fold_affine import fold_affine
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner

RNG = np.random.default_rng(0)
CHANNELS = RNG.uniform(0.5, 2, (1, 4, 1, 1)).astype(np.float32)
WEIGHTS = {
    "w": RNG.standard_normal((4, 3, 3, 3)).astype(np.float32),
    "b": RNG.standard_normal(4).astype(np.float32),
    "c": CHANNELS,
    "three": CHANNELS[0],
    "one": np.float32(1.7),
    "cells": RNG.random((6, 6)).astype(np.float32),
    "zero": np.zeros((4, 1, 1), np.float32),
}
FOLDED = {
    "product and sum": [("Mul", ["y", "c"], ["m"], {}), ("Add", ["m", "three"], ["out"], {})],
    "constants first": [("Mul", ["three", "y"], ["m"], {}), ("Add", ["one", "m"], ["out"], {})],
    "difference and quotient": [("Sub", ["y", "one"], ["m"], {}), ("Div", ["m", "c"], ["out"], {})],
}
KEPT = {
    "what differs from cell to cell": [("Add", ["y", "cells"], ["out"], {})],
    "a quotient the other way": [("Div", ["c", "y"], ["out"], {})],
    "a difference the other way": [("Sub", ["c", "y"], ["out"], {})],
    "a division by nothing": [("Div", ["y", "zero"], ["out"], {})],
    "what another reads": [
        ("Relu", ["y"], ["r"], {}),
        ("Add", ["y", "c"], ["m"], {}),
        ("Mul", ["m", "r"], ["out"], {}),
    ],
}


@pytest.mark.parametrize("inputs", [["x", "w"], ["x", "w", "b"]])
@pytest.mark.parametrize("name", [*FOLDED, *KEPT])
def test_what_stands_behind_a_convolution(name, inputs, build) -> None:
    rows = [("Conv", inputs, ["y"], {}), *(FOLDED | KEPT)[name]]
    model = infer_shapes(build(rows, {"x": [1, 3, 8, 8]}, {"out": None}, WEIGHTS))
    images = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    [expected] = OrtRunner(model).run({"x": images}).values()
    fold_affine(model)
    [found] = OrtRunner(model).run({"x": images}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    kinds = [node.op_type for node in model.graph]
    assert kinds == (["Conv"] if name in FOLDED else ["Conv", *(row[0] for row in KEPT[name])])


def test_a_transposed_convolution(build) -> None:
    weights = WEIGHTS | {"w": RNG.standard_normal((3, 4, 3, 3)).astype(np.float32)}
    rows = [("ConvTranspose", ["x", "w"], ["y"], {}), *FOLDED["product and sum"]]
    model = infer_shapes(build(rows, {"x": [1, 3, 8, 8]}, {"out": None}, weights))
    images = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    [expected] = OrtRunner(model).run({"x": images}).values()
    [found] = OrtRunner(fold_affine(model)).run({"x": images}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert [node.op_type for node in model.graph] == ["ConvTranspose"]
