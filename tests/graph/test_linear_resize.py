from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.linear_resize import linear_resize
from detquant.graph.running import OrtRunner

IMAGE = {"x": np.random.default_rng(0).standard_normal((1, 3, 6, 8)).astype(np.float32)}


def net(build, scales, **words):
    rows = [("Resize", ["x", "", "scales"], ["y"], {"name": "resize", "mode": "linear", **words})]
    return prepare(build(rows, {"x": [1, 3, 6, 8]}, {"y": None}, {"scales": np.array([1, 1, *scales], np.float32)}))


@pytest.mark.parametrize("centres", ["half_pixel", "pytorch_half_pixel"])
@pytest.mark.parametrize(
    ("scales", "kinds"), [([2, 2], {"Resize", "Slice", "Concat", "Conv"}), ([0.5, 0.5], {"AveragePool"})]
)
def test_the_same_function(build, scales, kinds, centres):
    model = net(build, scales, coordinate_transformation_mode=centres)
    found = linear_resize(model)
    assert {node.op_type for node in found.graph} == kinds
    assert all(node.attributes.get_string("mode", "") != "linear" for node in found.graph)
    np.testing.assert_allclose(OrtRunner(found).run(IMAGE)["y"], OrtRunner(model).run(IMAGE)["y"], atol=1e-6)


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ([2, 2], {"coordinate_transformation_mode": "align_corners"}),
        ([2, 2], {"coordinate_transformation_mode": "asymmetric"}),
        ([2, 1], {}),
        ([3, 3], {}),
        ([0.5, 0.5], {"antialias": 1}),
    ],
    ids=["corners", "asymmetric", "one axis", "three", "antialias"],
)
def test_other_resizing_stays(build, scales, words):
    [node] = linear_resize(net(build, scales, **words)).graph
    assert node.op_type == "Resize" and node.attributes.get_string("mode") == "linear"
