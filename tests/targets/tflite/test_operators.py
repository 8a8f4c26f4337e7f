"""Each operator of the table: what LiteRT computes is what ONNX Runtime does."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from onnx_operators import CASES as COMMON
from onnx_operators import draw, floats, ints

from detquant.errors import ModelError, UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.targets import load_target

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
TARGET = load_target("tflite")

DOWN = {"nearest_mode": "floor"}
SIDES = {"asymmetric": "floor", "half_pixel": "round_prefer_ceil", "align_corners": "round_prefer_ceil"}

CASES = {
    **COMMON,
    "ReduceSum of all": ([("ReduceSum", ["x"], ["y"], {"keepdims": 0})], {}),
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
        for how in (*SIDES, "pytorch_half_pixel")
    },
    **{
        f"Resize {mode} of axes {axes}": (
            [
                (
                    "Resize",
                    ["x", "", "", "s"],
                    ["y"],
                    {"mode": mode, "coordinate_transformation_mode": "asymmetric"} | DOWN,
                )
            ],
            {"s": np.array([2 * size if axis in axes else size for axis, size in enumerate((1, 4, 8, 7))])},
        )
        for mode in ("nearest", "linear")
        for axes in ((1, 2), (1, 3), (1,), (3,))
        if mode == "nearest" or axes != (1, 3)
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
    assert not [name for name in runner.precisions() if name.startswith("Flex") or name == "CUSTOM"]


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read_again(build, tmp_path, case):
    pytest.importorskip("openvino", reason="the extra openvino is not installed, which reads .tflite")
    rows, weights = CASES[case]
    model = prepare(build(rows, {"x": [1, 4, 8, 7]}, {"y": None}, weights))
    image = 2 * draw(1, 4, 8, 7)
    expected = OrtRunner(model).run({"x": image})["y"]
    (tmp_path / "model.tflite").write_bytes(TARGET.lower_float(model, "fp32").files["model.tflite"])
    again = OrtRunner(load_model(tmp_path / "model.tflite").model, optimisation="none")
    [name] = again.input_names
    try:
        [found] = again.run({name: image}).values()
    except ModelError:  # four channels of seven columns: nothing tells that this is no image with its channels last
        [found] = again.run({name: image.transpose(0, 2, 3, 1)}).values()
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max()))


REFUSED = {
    "no counterpart among": [("NonZero", ["x"], ["y"], {"name": "it"})],
    "has dilations": [("MaxPool", ["x"], ["y"], {"name": "it", "kernel_shape": [2, 2], "dilations": [2, 2]})],
    "has an alpha other than 1": [("Elu", ["x"], ["y"], {"name": "it", "alpha": 0.5})],
    "changes the kind of its numbers": [("Cast", ["x"], ["y"], {"name": "it", "to": 6})],
    "that does not count": [
        ("AveragePool", ["x"], ["y"], {"name": "it", "kernel_shape": [2, 2], "pads": [1, 1, 0, 0]})
    ],
    "pads in the way of 'reflect'": [("Pad", ["x", "p"], ["y"], {"name": "it", "mode": "reflect"})],
    "goes backwards": [("Slice", ["x", "e", "s", "a", "t"], ["y"], {"name": "it"})],
    "resizes in the mode 'cubic'": [("Resize", ["x", "", "f"], ["y"], {"name": "it", "mode": "cubic"})],
    "more than two axes of four": [("Resize", ["x", "", "u"], ["y"], {"name": "it"})],
    "places of its own": [
        ("Resize", ["x", "", "f"], ["y"], {"name": "it", "nearest_mode": "ceil"}),
    ],
}
CONSTANTS = {
    "p": ints(0, 0, 1, 1, 0, 0, 1, 1),
    "e": ints(6),
    "s": ints(1),
    "a": ints(2),
    "t": ints(-1),
    "f": floats(1, 1, 2, 2),
    "u": floats(1, 2, 2, 2),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_it_refuses_names_the_node_and_a_way_out(build, why):
    rows = REFUSED[why]
    read = {name: CONSTANTS[name] for row in rows for name in row[1] if name in CONSTANTS}
    model = build(rows, {"x": [1, 4, 8, 8]}, {"y": None}, read)
    with pytest.raises(UnsupportedOperator, match=rf"'it'.*{why}.*choose another target|{why}.*choose another target"):
        TARGET.lower(model)


def test_each_row_of_the_table_exists():
    from detquant.targets.tflite.operators import OPERATORS, ROOM

    for row in OPERATORS.values():
        module, _, name = row.partition(":")
        assert callable(getattr(importlib.import_module(f"{ROOM}.{module}"), name))
