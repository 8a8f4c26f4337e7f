from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.affine_as_conv import affine_as_conv

SHAPE = (1, 3, 8, 6)
RNG = np.random.default_rng(1)


def numbers(*shape: int) -> np.ndarray:
    return RNG.uniform(0.5, 2, shape).astype(np.float32)


STORED = {
    **{name: numbers(3) for name in ("scale", "bias", "mean", "var")},
    "c": numbers(3, 1, 1),
    "d": numbers(1, 3, 1, 1),
    "one": numbers(1),
    "cells": numbers(8, 6),
    "w": numbers(4, 3, 3, 3),
    "v": numbers(3, 3, 1, 1),
}
BN = ["scale", "bias", "mean", "var"]
CONV = [("Conv", ["g", "w"], ["y"], {})]
LONE = {
    "BatchNormalization at the start": [("BatchNormalization", ["x", *BN], ["g"], {"epsilon": 1e-3})],
    "BatchNormalization behind an activation": [
        ("Relu", ["x"], ["r"], {}),
        ("BatchNormalization", ["r", *BN], ["g"], {}),
    ],
    "product and sum": [("Mul", ["x", "c"], ["a"], {}), ("Add", ["d", "a"], ["g"], {})],
    "mean and deviation": [("Sub", ["x", "c"], ["a"], {}), ("Div", ["a", "d"], ["g"], {})],
    "taken from a constant": [("Sub", ["c", "x"], ["g"], {})],
}
KEPT = {
    "one number": [("Mul", ["x", "one"], ["g"], {})],
    "another number in each cell": [("Mul", ["x", "cells"], ["g"], {})],
    "two maps": [("Add", ["x", "x"], ["g"], {})],
    "a constant through a map": [("Div", ["c", "x"], ["g"], {})],
}


def net(build, rows, behind=CONV):
    nodes = [*rows, *behind]
    read = {name for row in nodes for name in row[1]}
    return prepare(build(nodes, {"x": list(SHAPE)}, {"y": None}, {n: a for n, a in STORED.items() if n in read}))


@pytest.mark.parametrize("case", LONE)
def test_it_becomes_one_depthwise_convolution(case, build, greatest_difference) -> None:
    model = net(build, LONE[case])
    found = affine_as_conv(model)
    convs = [node for node in found.graph if node.op_type == "Conv"]
    assert len(convs) == 2 and convs[0].attributes["group"].as_int() == 3
    assert not {node.op_type for node in found.graph} - {"Conv", "Relu"}
    assert tuple(convs[0].outputs[0].shape or ()) == SHAPE
    assert greatest_difference(model, found, SHAPE) < 1e-4


@pytest.mark.parametrize("case", KEPT)
def test_what_is_another_thing_stays(case, build) -> None:
    model = net(build, KEPT[case])
    assert [node.op_type for node in affine_as_conv(model).graph] == [node.op_type for node in model.graph]


def test_what_stands_behind_a_layer_is_folded_into_it(build, greatest_difference) -> None:
    model = net(build, [("Conv", ["x", "v"], ["a"], {}), ("Mul", ["a", "c"], ["g"], {})])
    found = affine_as_conv(model)
    assert [node.op_type for node in found.graph] == ["Conv", "Conv"]
    assert greatest_difference(model, found, SHAPE) < 1e-4


def test_the_decode_tail_is_left_alone(build) -> None:
    model = net(build, [("Relu", ["x"], ["g"], {})], [("Conv", ["g", "v"], ["z"], {}), ("Mul", ["z", "c"], ["y"], {})])
    assert [node.op_type for node in affine_as_conv(model).graph] == ["Relu", "Conv", "Mul"]
