from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.next_layers import next_layers
from detquant.graph.running import OrtRunner, with_taps


def ends(part):
    return [v.name for v in part.graph.inputs], [v.name for v in part.graph.outputs]


@pytest.mark.parametrize(
    ("tensors", "reads", "gives"),
    [
        (["x"], ["x"], ["c1"]),
        (["c1"], ["c1"], ["c2"]),
        (["c2"], ["c2"], ["c3", "logits"]),
        (["joined"], ["joined"], ["c3"]),
        (["relu", "sum"], ["relu", "sum"], ["c3", "logits"]),
        (["pool"], ["relu", "pool"], ["c3"]),
    ],
)
def test_a_path_ends_at_a_layer_and_at_another_start(small_net, tensors, reads, gives):
    found_reads, found_gives = ends(next_layers(small_net, tensors))
    assert sorted(found_reads) == sorted(reads) and found_gives == gives


@pytest.mark.parametrize("tensors", [["logits"], ["scores"]])
def test_what_only_leads_out_has_no_next_layer(small_net, tensors):
    assert next_layers(small_net, tensors) is None


def test_ways_out_are_left_out(build):
    rows = [("Relu", ["x"], ["r"], {}), ("Conv", ["r", "w"], ["c"], {}), ("Exp", ["r"], ["out"], {})]
    weights = {"w": np.ones((2, 3, 1, 1), np.float32)}
    model = build(rows, {"x": [1, 3, 4, 4]}, {"c": [1, 2, 4, 4], "out": [1, 3, 4, 4]}, weights)
    part = next_layers(model, ["x"])
    assert ends(part) == (["x"], ["c"]) and [n.op_type for n in part.graph] == ["Relu", "Conv"]


def test_constants_come_along(build):
    rows = [("Mul", ["x", "two"], ["m"], {}), ("Reshape", ["m", "flat"], ["f"], {}), ("MatMul", ["f", "w"], ["y"], {})]
    weights = {"two": np.float32(2), "flat": np.array([1, 12]), "w": np.ones((12, 3), np.float32)}
    model = build(rows, {"x": [1, 3, 2, 2]}, {"y": [1, 3]}, weights)
    found = OrtRunner(next_layers(model, ["x"])).run({"x": np.ones((1, 3, 2, 2), np.float32)})
    np.testing.assert_array_equal(found["y"], np.full((1, 3), 24.0))


def test_the_part_computes_what_the_whole_does(small_net, images):
    [image] = images(1)
    names = ["c2", "c3", "logits"]
    whole = OrtRunner(with_taps(small_net, names)).run(image)
    part = OrtRunner(next_layers(small_net, ["c2"])).run({"c2": whole["c2"]})
    for name in ("c3", "logits"):
        np.testing.assert_allclose(part[name], whole[name], atol=1e-6)
    assert len(list(small_net.graph)) == 11 and [v.name for v in small_net.graph.outputs] == ["scores"]
