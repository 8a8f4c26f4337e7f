"""Each operator of the table: what ncnn computes is what ONNX Runtime does."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.targets import load_target

pytest.importorskip("ncnn", reason="the extra ncnn is not installed")
TARGET = load_target("ncnn")
RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def floats(*numbers):
    return np.array(numbers, np.float32)


CONV = {"w": draw(6, 4, 3, 3), "b": draw(6)}
PADS = {
    "none": {},
    "same": {"pads": [1, 1, 1, 1]},
    "down and right": {"pads": [0, 0, 1, 1], "strides": [2, 2]},
    "around, by twos": {"pads": [1, 1, 1, 1], "strides": [2, 2]},
    "uneven": {"pads": [0, 2, 1, 0], "strides": [1, 2]},
    "dilated": {"pads": [2, 2, 2, 2], "dilations": [2, 2]},
    "automatic, upper": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "automatic, lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
}
POOLS = {
    "same": {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2]},
    "around, by twos": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]},
    "rounding up": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
}
SIDES = {"asymmetric": "floor", "half_pixel": "round_prefer_ceil"}
UPWARDS = {
    "padded behind": ((4, 6, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    "unevenly": ((4, 6, 2, 3), {"strides": [3, 2], "output_padding": [2, 1]}),
    "automatic, upper": ((4, 6, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "automatic, lower": ((4, 6, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    "to a size": ((4, 6, 3, 3), {"strides": [2, 2], "output_shape": [16, 14]}),
    "dilated": ((4, 6, 2, 2), {"strides": [2, 2], "dilations": [2, 3]}),
    "grouped": ((4, 3, 2, 2), {"strides": [2, 2], "group": 2}),
}

CASES = {
    **{f"Conv {name}": ([("Conv", ["x", "w", "b"], ["y"], words)], CONV) for name, words in PADS.items()},
    "Conv without bias": ([("Conv", ["x", "w"], ["y"], {})], {"w": CONV["w"]}),
    "Conv 1x1": ([("Conv", ["x", "w"], ["y"], {})], {"w": draw(5, 4, 1, 1)}),
    "Conv grouped": ([("Conv", ["x", "w"], ["y"], {"group": 2})], {"w": draw(6, 2, 3, 3)}),
    "Conv depthwise": ([("Conv", ["x", "w"], ["y"], {"group": 4})], {"w": draw(4, 1, 3, 3)}),
    "Conv depthwise, three each": ([("Conv", ["x", "w"], ["y"], {"group": 4})], {"w": draw(12, 1, 3, 3)}),
    "Conv, Relu": ([("Conv", ["x", "w"], ["c"], {}), ("Relu", ["c"], ["y"], {})], {"w": CONV["w"]}),
    "Conv, Clip 6": (
        [("Conv", ["x", "w"], ["c"], {}), ("Clip", ["c", "l", "h"], ["y"], {})],
        {"w": CONV["w"], "l": floats(0)[0:1].reshape(()), "h": floats(6).reshape(())},
    ),
    "Conv, Clip 4": (
        [("Conv", ["x", "w"], ["c"], {}), ("Clip", ["c", "l", "h"], ["y"], {})],
        {"w": CONV["w"], "l": floats(-1).reshape(()), "h": floats(4).reshape(())},
    ),
    "ConvTranspose": (
        [("ConvTranspose", ["x", "w", "b"], ["y"], {"strides": [2, 2], "pads": [1, 1, 1, 1]})],
        {"w": draw(4, 3, 4, 4), "b": draw(3)},
    ),
    **{
        f"ConvTranspose {name}": ([("ConvTranspose", ["x", "w", "b"], ["y"], words)], {"w": draw(*shape), "b": draw(6)})
        for name, (shape, words) in UPWARDS.items()
    },
    "ConvTranspose whole": ([("ConvTranspose", ["x", "w"], ["y"], {"strides": [2, 2]})], {"w": draw(4, 3, 2, 2)}),
    **{f"MaxPool {name}": ([("MaxPool", ["x"], ["y"], words)], {}) for name, words in POOLS.items()},
    "AveragePool": ([("AveragePool", ["x"], ["y"], {"kernel_shape": [2, 2], "strides": [2, 2]})], {}),
    "AveragePool same": ([("AveragePool", ["x"], ["y"], POOLS["same"])], {}),
    "AveragePool counting": ([("AveragePool", ["x"], ["y"], {**POOLS["same"], "count_include_pad": 1})], {}),
    "GlobalAveragePool": ([("GlobalAveragePool", ["x"], ["y"], {})], {}),
    "GlobalMaxPool": ([("GlobalMaxPool", ["x"], ["y"], {})], {}),
    "BatchNormalization": (
        [("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], {})],
        {"s": draw(4), "b": draw(4), "m": draw(4), "v": np.abs(draw(4)) + 0.5},
    ),
    **{
        op: ([(op, ["x"], ["y"], {})], {})
        for op in [
            "Abs",
            "Ceil",
            "Cos",
            "Elu",
            "Exp",
            "Floor",
            "HardSwish",
            "HardSigmoid",
            "LeakyRelu",
            "Mish",
            "Neg",
            "Relu",
            "Round",
            "Sigmoid",
            "Sin",
            "Softplus",
            "Tanh",
            "Identity",
        ]
    },
    "Log, Sqrt": (
        [
            ("Abs", ["x"], ["a"], {}),
            ("Sqrt", ["a"], ["r"], {}),
            ("Add", ["r", "n"], ["s"], {}),
            ("Log", ["s"], ["y"], {}),
        ],
        {"n": floats(1)},
    ),
    "Reciprocal": ([("Exp", ["x"], ["e"], {}), ("Reciprocal", ["e"], ["y"], {})], {}),
    "Clip above": ([("Clip", ["x", "l"], ["y"], {})], {"l": floats(0.5).reshape(())}),
    "PRelu": ([("PRelu", ["x", "s"], ["y"], {})], {"s": draw(4, 1, 1)}),
    **{op: ([(op, ["x", "c"], ["y"], {})], {"c": draw(4, 1, 7)}) for op in ("Add", "Sub", "Mul", "Max", "Min")},
    "Div": ([("Div", ["x", "c"], ["y"], {})], {"c": floats(3)}),
    "Pow": ([("Pow", ["x", "c"], ["y"], {})], {"c": floats(2)}),
    "Pow 0.5": ([("Abs", ["x"], ["a"], {}), ("Pow", ["a", "c"], ["y"], {})], {"c": floats(0.5)}),
    "number minus x": ([("Sub", ["c", "x"], ["y"], {})], {"c": floats(3)}),
    "two maps": (
        [("Conv", ["x", "w"], ["c"], {}), ("Reshape", ["x", "s"], ["r"], {}), ("Mul", ["c", "r"], ["y"], {})],
        {"w": draw(4, 4, 1, 1), "s": ints(1, 4, 8, 7)},
    ),
    "one axis fewer": (
        [("Squeeze", ["x", "a"], ["r"], {}), ("Mul", ["x", "r"], ["y"], {})],
        {"a": ints(0)},
    ),
    "Softmax over channels": ([("Softmax", ["x"], ["y"], {"axis": 1})], {}),
    "Softmax over columns": ([("Softmax", ["x"], ["y"], {"axis": -1})], {}),
    "Concat channels": ([("Sigmoid", ["x"], ["s"], {}), ("Concat", ["x", "s"], ["y"], {"axis": 1})], {}),
    "Concat with a constant": ([("Concat", ["x", "c"], ["y"], {"axis": 2})], {"c": draw(1, 4, 2, 7)}),
    "Split evenly": ([("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}), ("Sub", ["a", "b"], ["y"], {})], {}),
    "Split unevenly": (
        [("Split", ["x", "s"], ["a", "b"], {"axis": 1}), ("Sub", ["a", "b"], ["y"], {})],
        {"s": ints(3, 1)},
    ),
    "Slice": ([("Slice", ["x", "s", "e", "a"], ["y"], {})], {"s": ints(-3, 1), "e": ints(2**40, -1), "a": ints(-1, 2)}),
    "Slice every other": (
        [("Slice", ["x", "s", "e", "a", "t"], ["y"], {})],
        {"s": ints(1, 0), "e": ints(8, 9), "a": ints(2, 3), "t": ints(2, 3)},
    ),
    "Slice every other channel": (
        [("Slice", ["x", "s", "e", "a", "t"], ["y"], {})],
        {"s": ints(1), "e": ints(4), "a": ints(1), "t": ints(2)},
    ),
    "Pad": ([("Pad", ["x", "p"], ["y"], {})], {"p": ints(0, 1, 2, 0, 0, 0, 1, 3)}),
    "Pad with a number": (
        [("Pad", ["x", "p", "v", "a"], ["y"], {})],
        {"p": ints(1, 2), "v": floats(7).reshape(()), "a": ints(3)},
    ),
    "Gather": ([("Gather", ["x", "i"], ["y"], {"axis": 1})], {"i": ints(3, 0, -2)}),
    "Gather one": ([("Gather", ["x", "i"], ["y"], {"axis": 2})], {"i": np.array(1)}),
    "Transpose": ([("Transpose", ["x"], ["y"], {"perm": [0, 3, 1, 2]})], {}),
    "Reshape of places": ([("Reshape", ["x", "s"], ["y"], {})], {"s": ints(1, 4, 56)}),
    "Flatten": ([("Flatten", ["x"], ["y"], {})], {}),
    "Unsqueeze": ([("Unsqueeze", ["x", "a"], ["y"], {})], {"a": ints(2)}),
    "channel shuffle": (
        [
            ("Reshape", ["x", "s"], ["r"], {}),
            ("Transpose", ["r"], ["t"], {"perm": [0, 2, 1, 3, 4]}),
            ("Reshape", ["t", "back"], ["y"], {}),
        ],
        {"s": ints(1, 2, 2, 8, 7), "back": ints(1, 4, 8, 7)},
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
    "ReduceMean": ([("ReduceMean", ["x", "a"], ["y"], {"keepdims": 0})], {"a": ints(1)}),
    "ReduceMax": ([("ReduceMax", ["x", "a"], ["y"], {})], {"a": ints(2, 3)}),
    "ReduceSum of all": ([("ReduceSum", ["x"], ["s"], {"keepdims": 0}), ("Sub", ["x", "s"], ["y"], {})], {}),
    "ReduceMin": ([("ReduceMin", ["x", "a"], ["y"], {})], {"a": ints(-1)}),
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
    "Gemm": (
        [("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "w", "b"], ["y"], {"transB": 1, "beta": 0.5})],
        {"w": draw(3, 224), "b": draw(3)},
    ),
    "Gemm, Relu": (
        [("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "w"], ["g"], {}), ("Relu", ["g"], ["y"], {})],
        {"w": draw(224, 3)},
    ),
    "MatMul": ([("MatMul", ["x", "w"], ["y"], {})], {"w": draw(7, 5)}),
    "MatMul of maps": (
        [("Transpose", ["x"], ["t"], {"perm": [0, 1, 3, 2]}), ("MatMul", ["x", "t"], ["y"], {})],
        {},
    ),
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
