from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.float_interface import float_interface
from detquant.graph.running import OrtRunner

SHAPE = [1, 3, 4, 5]
GRID = {"s": np.float32(0.02), "z": np.int8(-3)}
CODES = np.random.default_rng(0).integers(-100, 100, SHAPE)


def typed(model: ir.Model, dtype: ir.DataType, output: ir.DataType = ir.DataType.FLOAT) -> ir.Model:
    for values, kind in ((model.graph.inputs, dtype), (model.graph.outputs, output)):
        for value in values:
            value.type = ir.TensorType(kind)
    return model


def run(model: ir.Model, array: np.ndarray) -> np.ndarray:
    [found] = OrtRunner(model, optimisation="none").run({"x": array}).values()
    return found


def test_a_cast_vanishes(build) -> None:
    rows = [("Cast", ["x"], ["a"], {"to": 1}), ("Neg", ["a"], ["y"], {})]
    model = float_interface(typed(build(rows, {"x": SHAPE}, {"y": None}), ir.DataType.UINT8))
    assert [node.op_type for node in model.graph] == ["Neg"]
    np.testing.assert_array_equal(run(model, CODES.astype(np.float32)), -CODES)


def test_codes_are_made_of_numbers(build) -> None:
    rows = [("DequantizeLinear", ["x", "s", "z"], ["a"], {}), ("Neg", ["a"], ["y"], {})]
    model = float_interface(typed(build(rows, {"x": SHAPE}, {"y": None}, GRID), ir.DataType.INT8))
    numbers = ((CODES + 3) * 0.02).astype(np.float32)
    np.testing.assert_allclose(run(model, numbers), -numbers, atol=1e-6)


def test_whoever_else_reads_whole_numbers_still_does(build) -> None:
    rows = [("Equal", ["x", "seven"], ["y"], {})]
    model = build(rows, {"x": SHAPE}, {"y": None}, {"seven": np.uint8(7)})
    model = float_interface(typed(model, ir.DataType.UINT8, ir.DataType.BOOL))
    array = np.abs(CODES)
    np.testing.assert_array_equal(run(model, array.astype(np.float32)), array == 7)


@pytest.mark.parametrize("turned", [False, True])
def test_outputs_in_codes_become_numbers(turned: bool, build) -> None:
    rows = [("QuantizeLinear", ["x", "s", "z"], ["q" if turned else "y"], {})]
    rows += [("Transpose", ["q"], ["y"], {"perm": [0, 2, 3, 1]})] if turned else []
    model = float_interface(typed(build(rows, {"x": SHAPE}, {"y": None}, GRID), ir.DataType.FLOAT, ir.DataType.INT8))
    assert [value.name for value in model.graph.outputs] == ["y"]
    numbers = ((CODES + 3) * 0.02).astype(np.float32)
    expected = numbers.transpose(0, 2, 3, 1) if turned else numbers
    np.testing.assert_allclose(run(model, numbers), expected, atol=1e-6)


def test_counts_stay_whole(build) -> None:
    model = build([("ArgMax", ["x"], ["y"], {"axis": 1})], {"x": SHAPE}, {"y": None})
    float_interface(typed(model, ir.DataType.FLOAT, ir.DataType.INT64))
    assert [node.op_type for node in model.graph] == ["ArgMax"]
