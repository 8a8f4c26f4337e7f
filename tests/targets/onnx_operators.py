"""Operators of ONNX one by one, and a few together, as nodes and weights that a target's lowering is tried with."""

from __future__ import annotations

import numpy as np

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
    "ReduceMean": ([("ReduceMean", ["x", "a"], ["y"], {"keepdims": 0})], {"a": ints(1)}),
    "ReduceMax": ([("ReduceMax", ["x", "a"], ["y"], {})], {"a": ints(2, 3)}),
    "ReduceMin": ([("ReduceMin", ["x", "a"], ["y"], {})], {"a": ints(-1)}),
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
