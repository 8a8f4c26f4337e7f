from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.mean_as_pool import mean_as_pool
from detquant.graph.running import OrtRunner

SHAPE = (1, 4, 5, 6)


@pytest.mark.parametrize(
    ("axes", "keep", "kinds"),
    [
        ([2, 3], 1, ["GlobalAveragePool"]),
        ([-1, -2], 0, ["GlobalAveragePool", "Reshape"]),
        ([2], 1, ["ReduceMean"]),
        ([1, 2, 3], 1, ["ReduceMean"]),
    ],
)
def test_a_mean_over_all_places_is_a_pooling(build, axes, keep, kinds):
    rows = [("ReduceMean", ["x", "axes"], ["y"], {"keepdims": keep, "name": "mean"})]
    model = infer_shapes(build(rows, {"x": list(SHAPE)}, {"y": None}, {"axes": np.array(axes)}))
    found = mean_as_pool(model)
    assert [node.op_type for node in found.graph] == kinds
    feed = {"x": np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)}
    expected, result = OrtRunner(model).run(feed)["y"], OrtRunner(found).run(feed)["y"]
    assert expected.shape == result.shape and np.allclose(expected, result, atol=1e-6)
