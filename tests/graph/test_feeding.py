from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.feeding import FittingRunner, Taken, fit, in_float

FIRST = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4) * 5 + 0.4


@pytest.mark.parametrize("shape", [[1, 4, 4, 3], ["n", "h", "w", 3], [None, None, None, 3]])
def test_channels_go_last_where_the_file_has_them_last(shape):
    found = fit({"x": FIRST}, {"x": Taken(np.dtype(np.float32), shape)})["x"]
    np.testing.assert_array_equal(found, FIRST.transpose(0, 2, 3, 1))
    assert found.flags.c_contiguous


@pytest.mark.parametrize("shape", [[1, 3, 4, 4], [1, 3, "h", "w"], [1, 3, 4, 3]])
def test_channels_stay_first_elsewhere(shape):
    assert fit({"x": FIRST}, {"x": Taken(np.dtype(np.float32), shape)})["x"] is FIRST


@pytest.mark.parametrize(("dtype", "last"), [(np.uint8, 235), (np.int8, 127), (np.int32, 235)])
def test_whole_numbers_are_rounded_and_held(dtype, last):
    found = fit({"x": FIRST}, {"x": Taken(np.dtype(dtype), [1, 3, 4, 4])})["x"]
    assert found.dtype == dtype and found.reshape(-1)[-1] == last and found.reshape(-1)[1] == 5


def test_results_are_float32_and_counts_whole():
    given = {"a": np.ones(2, np.float16), "b": np.ones(2, np.float64), "n": np.ones(2, np.int64)}
    given["c"] = np.ones(2, ir.DataType.BFLOAT16.numpy())
    found = in_float(given)
    assert {name: array.dtype.name for name, array in found.items()} == {
        "a": "float32",
        "b": "float32",
        "c": "float32",
        "n": "int64",
    }


def test_a_runner_takes_what_the_house_has(build):
    model = build([("Identity", ["x"], ["y"], {})], {"x": [1, 4, 4, 3]}, {"y": None})
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.type = ir.TensorType(ir.DataType.FLOAT16)
    runner = FittingRunner(model)
    assert runner.fit({"x": FIRST})["x"].dtype == np.float16
    found = runner.run({"x": FIRST})["y"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FIRST.transpose(0, 2, 3, 1), rtol=1e-3)
