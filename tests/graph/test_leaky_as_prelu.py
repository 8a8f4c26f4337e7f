from __future__ import annotations

import numpy as np

from detquant.graph import prepare
from detquant.graph.leaky_as_prelu import leaky_as_prelu
from detquant.graph.running import OrtRunner


def test_the_same_function_with_a_slope_for_each_channel(build):
    model = prepare(
        build([("LeakyRelu", ["x"], ["y"], {"alpha": 0.2, "name": "leaky"})], {"x": [1, 4, 5, 6]}, {"y": None})
    )
    found = leaky_as_prelu(model)
    [node] = found.graph
    assert node.op_type == "PRelu" and node.name == "leaky" and node.inputs[1].const_value.shape == [4, 1, 1]
    assert [value.name for value in found.graph.outputs] == ["y"] and model.graph[0].op_type == "LeakyRelu"
    feed = {"x": np.random.default_rng(0).standard_normal((1, 4, 5, 6)).astype(np.float32)}
    assert np.array_equal(OrtRunner(model).run(feed)["y"], OrtRunner(found).run(feed)["y"])
