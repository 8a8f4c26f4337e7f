"""Each operator of the table: what ncnn computes is what ONNX Runtime does."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from onnx_operators import CASES as COMMON
from onnx_operators import draw, floats, ints

from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.targets import load_target

pytest.importorskip("ncnn", reason="the extra ncnn is not installed")
TARGET = load_target("ncnn")

SIDES = {"asymmetric": "floor", "half_pixel": "round_prefer_ceil"}

CASES = {
    **COMMON,
    "Pow 0.5": ([("Abs", ["x"], ["a"], {}), ("Pow", ["a", "c"], ["y"], {})], {"c": floats(0.5)}),
    "Slice every other channel": (
        [("Slice", ["x", "s", "e", "a", "t"], ["y"], {})],
        {"s": ints(1), "e": ints(4), "a": ints(1), "t": ints(2)},
    ),
    "halves of channels, taken apart": (
        [
            ("Reshape", ["x", "s"], ["r"], {}),
            ("Transpose", ["r"], ["t"], {"perm": [1, 0, 2]}),
            ("Reshape", ["t", "five"], ["f"], {}),
            ("Gather", ["f", "first"], ["a"], {}),
            ("Gather", ["f", "second"], ["b"], {}),
            ("Sub", ["a", "b"], ["y"], {}),
        ],
        {
            "s": ints(2, 2, 56),
            "five": ints(2, 1, 2, 8, 7),
            "first": np.array(0),
            "second": np.array(1),
        },
    ),
    "Split to single ones": (
        [
            ("Reshape", ["x", "s"], ["r"], {}),
            ("Split", ["r"], ["a", "b"], {"axis": 0, "num_outputs": 2}),
            ("Mul", ["a", "b"], ["y"], {}),
        ],
        {"s": ints(2, 2, 56)},
    ),
    "ReduceSum of all": ([("ReduceSum", ["x"], ["s"], {"keepdims": 0}), ("Sub", ["x", "s"], ["y"], {})], {}),
    **{
        f"Resize nearest {how}": (
            [("Resize", ["x", "", "s"], ["y"], {"coordinate_transformation_mode": how, "nearest_mode": rounding})],
            {"s": floats(1, 1, 2, 3)},
        )
        for how, rounding in SIDES.items()
    },
    **{
        f"Resize linear {how}": (
            [("Resize", ["x", "", "", "s"], ["y"], {"coordinate_transformation_mode": how, "mode": "linear"})],
            {"s": ints(1, 4, 13, 5)},
        )
        for how in ("half_pixel", "align_corners", "pytorch_half_pixel")
    },
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers(build, case):
    rows, weights = CASES[case]
    model = prepare(build(rows, {"x": [1, 4, 8, 7]}, {"y": None}, weights))
    feed = {"x": 2 * draw(1, 4, 8, 7)}
    expected = OrtRunner(model).run(feed)["y"]
    runner = TARGET.open(TARGET.lower_float(model, "fp32"))
    found = runner.run(feed)["y"]
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read_again(build, tmp_path, case):
    rows, weights = CASES[case]
    model = prepare(build(rows, {"x": [1, 4, 8, 7]}, {"y": None}, weights))
    for name, content in TARGET.lower_float(model, "fp32").files.items():
        (tmp_path / name).write_bytes(content)
    again, feed = prepare(load_model(tmp_path / "model.param").model), {"x": 2 * draw(1, 4, 8, 7)}
    expected, found = (OrtRunner(one).run(feed)["y"] for one in (model, again))
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(expected).max()))


REFUSED = {
    "no counterpart among": [("NonZero", ["x"], ["y"], {"name": "it"})],
    "has dilations": [("MaxPool", ["x"], ["y"], {"name": "it", "kernel_shape": [2, 2], "dilations": [2, 2]})],
    "changes the kind of its numbers": [("Cast", ["x"], ["y"], {"name": "it", "to": 6})],
    "goes backwards": [("Slice", ["x", "e", "s", "a", "t"], ["y"], {"name": "it"})],
    "a power other than": [("Pow", ["x", "h"], ["y"], {"name": "it"})],
    "pads in the way of 'wrap'": [("Pad", ["x", "p"], ["y"], {"name": "it", "mode": "wrap"})],
    "resizes in the mode 'cubic'": [("Resize", ["x", "", "f"], ["y"], {"name": "it", "mode": "cubic"})],
    "more than height and width": [("Resize", ["x", "", "u"], ["y"], {"name": "it"})],
    "places of its own": [("Resize", ["x", "", "f"], ["y"], {"name": "it", "nearest_mode": "ceil"})],
    "ncnn has 4 axes and no batch": [("Reshape", ["x", "six"], ["y"], {"name": "it"})],
    "ncnn takes one image at a time": [("Reshape", ["x", "flat"], ["y"], {"name": "it"})],
    "ncnn cannot read": [("Relu", ["x"], ["y of it"], {"name": "it"})],
}
CONSTANTS = {
    "p": ints(0, 0, 1, 1, 0, 0, 1, 1),
    "e": ints(6),
    "s": ints(1),
    "a": ints(2),
    "t": ints(-1),
    "h": floats(3.5),
    "f": floats(1, 1, 2, 2),
    "u": floats(1, 2, 2, 2),
    "six": ints(2, 2, 2, 4, 4, 2),
    "flat": ints(256),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_it_refuses_names_the_node_and_what_to_do(build, why):
    rows = REFUSED[why]
    read = {name: CONSTANTS[name] for row in rows for name in row[1] if name in CONSTANTS}
    model = build(rows, {"x": [1, 4, 8, 8]}, {rows[-1][2][0]: None}, read)
    with pytest.raises(UnsupportedOperator) as raised:
        TARGET.lower(model)
    said = str(raised.value)
    assert why in said and ("'it'" in said or "'y" in said)
    assert "choose another target" in said or "export the model" in said or "give it one" in said


def test_each_row_of_the_table_exists():
    from detquant.targets.ncnn.operators import OPERATORS, ROOM

    for row in OPERATORS.values():
        module, _, name = row.partition(":")
        assert callable(getattr(importlib.import_module(f"{ROOM}.{module}"), name))
