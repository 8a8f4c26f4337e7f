from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.shuffle_as_conv import shuffle_as_conv

IMAGE = {"x": np.random.default_rng(0).standard_normal((1, 6, 4, 5)).astype(np.float32)}


def net(build, apart, perm, tail=()):
    """Reshape, Transpose, Reshape, and what comes after."""
    rows = [
        ("Reshape", ["x", "apart"], ["a"], {"name": "apart"}),
        ("Transpose", ["a"], ["b"], {"name": "turn", "perm": perm}),
        ("Reshape", ["b", "whole"], ["c"], {"name": "whole"}),
        ("Relu", ["c"], ["y"], {"name": "relu"}),
        *tail,
    ]
    stored = {"apart": np.array(apart), "whole": np.array([1, 6, 4, 5])}
    outputs = {"y": None, **{row[2][0]: None for row in tail}}
    return prepare(build(rows, {"x": [1, 6, 4, 5]}, outputs, stored))


@pytest.mark.parametrize(
    ("apart", "perm"),
    [([1, 2, 3, 4, 5], [0, 2, 1, 3, 4]), ([1, 3, 2, 4, 5], [0, 2, 1, 3, 4]), ([1, 2, 3, 20], [0, 2, 1, 3])],
    ids=["two groups", "three groups", "rows and columns joined"],
)
def test_a_shuffle_is_one_convolution(build, apart, perm):
    model = net(build, apart, perm)
    found = shuffle_as_conv(model)
    assert [node.op_type for node in found.graph] == ["Conv", "Relu"] and len(model.graph) == 4
    weight = found.graph[0].inputs[1].const_value.numpy()
    assert weight.shape == (6, 6, 1, 1) and set(np.unique(weight)) == {0, 1}
    np.testing.assert_array_equal(OrtRunner(found).run(IMAGE)["y"], OrtRunner(model).run(IMAGE)["y"])


@pytest.mark.parametrize(
    ("apart", "perm"),
    [([1, 6, 5, 4], [0, 1, 3, 2]), ([1, 2, 3, 4, 5], [0, 1, 2, 3, 4]), ([2, 3, 4, 5], [1, 0, 2, 3])],
    ids=["rows and columns", "nothing moved", "over the batch"],
)
def test_what_else_is_moved_or_nothing_stays(build, apart, perm):
    model = net(build, apart, perm)
    moved_channels_only = apart == [2, 3, 4, 5]  # the same shuffle, without an axis for the batch
    kinds = [node.op_type for node in shuffle_as_conv(model).graph]
    assert kinds == (["Conv", "Relu"] if moved_channels_only else [node.op_type for node in model.graph])


def test_what_others_look_into_stays(build):
    model = net(build, [1, 2, 3, 4, 5], [0, 2, 1, 3, 4], [("Relu", ["b"], ["z"], {"name": "other"})])
    assert [node.op_type for node in shuffle_as_conv(model).graph] == [node.op_type for node in model.graph]
