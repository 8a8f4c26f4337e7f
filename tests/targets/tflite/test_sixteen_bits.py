"""Codes of 16 bits: each operator on LiteRT's kernels for int16, against the plan in ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.calibration import Collector, calibrate
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.numerics import QType, QuantSpec, grid_from_range
from detquant.pipeline.float_widths import said_of_float_widths
from detquant.recipes import Fixed, Own, load_recipe, plan
from detquant.targets import load_target
from detquant.targets.tflite.kernels import INT16
from detquant.targets.tflite.versions import version_of

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
W8A16 = replace(load_recipe("w8a16"), steps=(), head="int")
SHAPE = [1, 8, 8, 8]
WEIGHTS = {
    "w": 0.3 * np.random.default_rng(0).standard_normal((8, 8, 3, 3)).astype(np.float32),
    "b": np.random.default_rng(1).standard_normal(8).astype(np.float32),
    "deep": 0.3 * np.random.default_rng(2).standard_normal((8, 1, 3, 3)).astype(np.float32),
    "point": 0.3 * np.random.default_rng(3).standard_normal((8, 8, 1, 1)).astype(np.float32),
    "matrix": 0.3 * np.random.default_rng(4).standard_normal((8, 4)).astype(np.float32),
    "m_bias": np.random.default_rng(5).standard_normal(4).astype(np.float32),
    "scales": np.array([1, 1, 2, 2], np.float32),
    "zero": np.array(0.0, np.float32),
    "six": np.array(6.0, np.float32),
    "third": np.array(0.3, np.float32),
    "square": np.array([1, 8, 8, 8], np.int64),
    "flat": np.array([1, 8, 64], np.int64),
    "starts": np.array([1], np.int64),
    "ends": np.array([7], np.int64),
    "axes": np.array([2], np.int64),
    "halves": np.array([4, 4], np.int64),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
}
CONV = {"pads": [1, 1, 1, 1]}
CASES = {
    "convolution": ([("Conv", ["c", "w", "b"], ["y"], CONV)], "CONV_2D"),
    "strides and relu": (
        [("Conv", ["c", "w", "b"], ["d"], CONV | {"strides": [2, 2]}), ("Relu", ["d"], ["y"], {})],
        "CONV_2D",
    ),
    "relu6": ([("Conv", ["c", "w", "b"], ["d"], CONV), ("Clip", ["d", "zero", "six"], ["y"], {})], "CONV_2D"),
    "other bounds": ([("Conv", ["c", "w", "b"], ["d"], CONV), ("Clip", ["d", "zero", "third"], ["y"], {})], "MINIMUM"),
    "depthwise": ([("Conv", ["c", "deep", "b"], ["y"], CONV | {"group": 8})], "DEPTHWISE_CONV_2D"),
    "transposed": ([("ConvTranspose", ["c", "w"], ["y"], {"strides": [2, 2]})], "TRANSPOSE_CONV"),
    "silu": ([("Sigmoid", ["c"], ["g"], {}), ("Mul", ["c", "g"], ["y"], {})], "LOGISTIC"),
    "tanh": ([("Tanh", ["c"], ["y"], {})], "TANH"),
    "leaky": ([("LeakyRelu", ["c"], ["y"], {"alpha": 0.1})], "LEAKY_RELU"),
    "sum": ([("Conv", ["c", "point"], ["d"], {}), ("Add", ["c", "d"], ["y"], {})], "ADD"),
    "difference": ([("Conv", ["c", "point"], ["d"], {}), ("Sub", ["c", "d"], ["y"], {})], "SUB"),
    "a number": ([("Mul", ["c", "third"], ["y"], {})], "MUL"),
    "join": ([("Conv", ["c", "point"], ["d"], {}), ("Concat", ["c", "d"], ["y"], {"axis": 1})], "CONCATENATION"),
    "largest": ([("MaxPool", ["c"], ["y"], {"kernel_shape": [2, 2], "strides": [2, 2]})], "MAX_POOL_2D"),
    "largest, padded": ([("MaxPool", ["c"], ["y"], {"kernel_shape": [3, 3], **CONV})], "MAX_POOL_2D"),
    "mean": ([("AveragePool", ["c"], ["y"], {"kernel_shape": [2, 2], "strides": [2, 2]})], "AVERAGE_POOL_2D"),
    "mean of all": ([("GlobalAveragePool", ["c"], ["y"], {})], "MEAN"),
    "nearest": (
        [
            (
                "Resize",
                ["c", "", "scales"],
                ["y"],
                {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
            )
        ],
        "RESIZE_NEAREST_NEIGHBOR",
    ),
    "bilinear": (
        [("Resize", ["c", "", "scales"], ["y"], {"mode": "linear", "coordinate_transformation_mode": "half_pixel"})],
        "RESIZE_BILINEAR",
    ),
    "reshape": ([("Reshape", ["c", "flat"], ["f"], {}), ("Reshape", ["f", "square"], ["y"], {})], "RESHAPE"),
    "transpose": ([("Transpose", ["c"], ["y"], {"perm": [0, 2, 1, 3]})], "TRANSPOSE"),
    "slice": ([("Slice", ["c", "starts", "ends", "axes"], ["y"], {})], None),
    "split": ([("Split", ["c", "halves"], ["d", "e"], {"axis": 1}), ("Add", ["d", "e"], ["y"], {})], None),
    "pad": ([("Pad", ["c", "pads"], ["y"], {})], "PAD"),
    "matrix": (
        [
            ("GlobalAveragePool", ["c"], ["p"], {}),
            ("Flatten", ["p"], ["f"], {}),
            ("Gemm", ["f", "matrix", "m_bias"], ["y"], {}),
        ],
        "FULLY_CONNECTED",
    ),
}
CHANNELS = {"join": 16, "split": 4}


@pytest.mark.parametrize("case", CASES)
def test_operators_on_int16(build, case):
    rows, kernel = CASES[case]
    end = np.ones((4, CHANNELS.get(case, 8), 1, 1), np.float32)  # what no layer follows is decoding
    rows = [("Conv", ["x", "w", "b"], ["c"], CONV), *rows, ("Conv", ["y", "end"], ["out"], {})]
    rows = rows[:-1] if case == "matrix" else rows
    used = {name for row in rows for name in row[1]}
    weights = {name: array for name, array in (WEIGHTS | {"end": end}).items() if name in used}
    rows = [(op, i, o, a | {"name": f"n{k}"}) for k, (op, i, o, a) in enumerate(rows)]
    model = prepare(build(rows, {"x": SHAPE}, {rows[-1][2][0]: None}, weights))
    rng = np.random.default_rng(7)
    feeds = [{"x": rng.standard_normal(SHAPE).astype(np.float32)} for _ in range(4)]
    target = load_target("tflite")
    decided = plan(model, W8A16, replace(target.capability, integer_only=True))
    statistics = Collector(model=model, plan=decided, by_channel=()).collect(lambda p: (feeds[k] for k in p), 4)
    qdq = calibrate(model, decided, statistics, target.capability).qdq()
    runner, planned = target.open(target.lower(qdq)), OrtRunner(qdq, optimisation="basic")
    assert {kind for counts in runner.precisions().values() for kind in counts} <= {"int16", "float32"}
    if kernel is not None:
        assert set(runner.precisions()[kernel]) == {"int16"}, runner.precisions()
    for feed in feeds:
        [expected], [found] = planned.run(feed).values(), runner.run(feed).values()
        assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["tflite", "tflite-integer"])
def test_a_whole_net_on_int16(small_net, images, name):
    target, feeds = load_target(name), images()
    decided = plan(small_net, replace(W8A16, head="float"), target.capability)
    statistics = Collector(model=small_net, plan=decided, by_channel=()).collect(lambda p: (feeds[k] for k in p), 6)
    qdq = calibrate(small_net, decided, statistics, target.capability).qdq()
    runner, planned = target.open(target.lower(qdq)), OrtRunner(qdq, optimisation="basic")
    assert runner.precisions()["CONV_2D"]["int16"] == (4 if name == "tflite-integer" else 3)
    for feed in feeds:
        assert np.abs(runner.run(feed)["scores"] - planned.run(feed)["scores"]).max() < 1e-3
    assert said_of_float_widths(small_net.graph, decided, target.capability) == []
    if name == "tflite-integer":
        assert "takes int16 codes" in target.remarks(runner)[-1]


def test_a_grid_that_is_not_around_zero_is_made_so(small_net):
    rules = tuple(
        replace(rule, activation=QuantSpec(qtype=QType(16, signed=False), symmetric=False))
        if isinstance(rule.activation, QuantSpec)
        else rule
        for rule in W8A16.rules
    )
    found = plan(small_net, replace(W8A16, rules=rules), load_target("tflite").capability)
    specs = [point.spec for point in found.points.values() if isinstance(point, Own | Fixed)]
    assert specs and all(spec.symmetric and spec.qtype == INT16 for spec in specs)
    gate = found.points["gate"]
    assert isinstance(gate, Fixed) and grid_from_range(gate.low, gate.high, gate.spec).scale == np.float32(2**-15)


def test_versions_are_those_that_know_int16():
    assert version_of("CONV_2D", codes="int16", rank=4) == (4, "2.3.0")
    assert version_of("CONV_2D", codes="int16", rank=4, special="grouped") == (6, "2.9.0")
    assert version_of("QUANTIZE", codes="int16", rank=4) == (2, "1.15.0")
