"""Borders of zeros before convolutions: the same function without them, or the graph as it was."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.pads_into_convolutions import pads_into_convolutions
from detquant.graph.running import OrtRunner

SHAPE = (1, 2, 5, 6)
RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((3, 2, 3, 3)).astype(np.float32)
AROUND = np.array([0, 0, 1, 2, 0, 0, 3, 0])


def padded(build, sides=AROUND, value=0.0, axes=None, mode="constant", conv=None, more=(), outputs=("y",)):
    """An input, a Pad, and a convolution of it."""
    given = {"sides": sides, "value": np.float32(value), "w": WEIGHT}
    names = ["x", "sides", "value"]
    if axes is not None:
        given["axes"], names = np.array(axes), [*names, "axes"]
    rows = [
        ("Pad", names, ["p"], {"mode": mode, "name": "pad"}),
        ("Conv", ["p", "w"], ["y"], {"name": "conv", **(conv or {})}),
        *more,
    ]
    return infer_shapes(build(rows, {"x": list(SHAPE)}, dict.fromkeys(outputs), given))


def kinds(model):
    return [node.op_type for node in model.graph]


def same(model, found):
    feed = {"x": RNG.standard_normal(SHAPE).astype(np.float32)}
    expected, result = OrtRunner(model).run(feed), OrtRunner(found).run(feed)
    assert all(np.allclose(expected[name], result[name], atol=1e-5) for name in expected)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"sides": np.array([1, 2, 3, 0]), "axes": [2, -1]},
        {"conv": {"pads": [1, 0, 0, 2], "strides": [2, 1]}},
        {"more": [("Conv", ["p", "w"], ["z"], {"name": "other", "pads": [1, 1, 1, 1]})], "outputs": ("y", "z")},
    ],
    ids=["all axes", "axes of places", "added to its own", "two readers"],
)
def test_a_border_of_zeros_is_the_convolutions_own(build, given):
    model = padded(build, **given)
    found = pads_into_convolutions(model)
    assert set(kinds(found)) == {"Conv"} and "Pad" in kinds(model)
    same(model, found)


@pytest.mark.parametrize(
    "given",
    [
        {"value": 1.0},
        {"mode": "reflect", "sides": np.array([0, 0, 1, 2, 0, 0, 3, 1])},
        {"sides": np.array([0, 0, 1, 2, 0, 0, 1, -1])},
        {"sides": np.array([0, 0, 0, 0, 0, 0, 0, 0])},
        {"conv": {"auto_pad": "SAME_UPPER"}},
        {"more": [("Relu", ["p"], ["z"], {"name": "relu"})], "outputs": ("y", "z")},
        {"outputs": ("y", "p")},
    ],
    ids=["ones", "mirrored", "cut off", "nothing", "its own padding", "another reader", "an output"],
)
def test_what_is_no_border_of_zeros_for_convolutions_alone_stays(build, given):
    model = padded(build, **given)
    assert pads_into_convolutions(model) is model
