from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.pool_edges import pool_edges
from detquant.graph.running import OrtRunner

IMAGE = {"x": -1 - np.random.default_rng(0).random((1, 3, 8, 10)).astype(np.float32)}  # zeros would win


def net(build, **words):
    return prepare(build([("MaxPool", ["x"], ["y"], {"name": "pool", **words})], {"x": [1, 3, 8, 10]}, {"y": None}))


@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [([3, 3], [2, 2], [1, 1, 1, 1]), ([3, 3], [1, 1], [2, 0, 1, 1]), ([5, 3], [2, 1], [2, 1, 1, 0])],
)
def test_copies_of_the_edge_change_no_maximum(build, kernel, strides, pads):
    model = net(build, kernel_shape=kernel, strides=strides, pads=pads)
    found = pool_edges(model)
    assert {node.op_type for node in found.graph} == {"Slice", "Concat", "MaxPool"}
    assert not any(found.graph.node("pool").attributes.get_ints("pads"))
    np.testing.assert_array_equal(OrtRunner(found).run(IMAGE)["y"], OrtRunner(model).run(IMAGE)["y"])


@pytest.mark.parametrize(
    "words",
    [
        {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ],
    ids=["SAME", "SAME with strides", "none"],
)
def test_what_needs_no_border_stays(build, words):
    assert len(pool_edges(net(build, **words)).graph) == 1


def test_what_is_never_negative_may_be_padded_with_zeros(build):
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "name": "pool"}
    rows = [("Relu", ["x"], ["r"], {"name": "relu"}), ("MaxPool", ["r"], ["y"], pool)]
    found = pool_edges(prepare(build(rows, {"x": [1, 3, 8, 10]}, {"y": None})))
    assert [node.op_type for node in found.graph] == ["Relu", "MaxPool"]
