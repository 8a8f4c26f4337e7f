from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.open_weights import weight_feeds, with_open_weights
from detquant.graph.running import OrtRunner
from detquant.graph.traits import weight_of

LAYERS = {"first", "third"}


def weights(model):
    return {n.name: weight_of(n).const_value.numpy() for n in model.graph if n.name in LAYERS}


def test_the_models_own_weights_give_the_model(small_net, images):
    [image] = images(1)
    opened = OrtRunner(with_open_weights(small_net, LAYERS))
    found = opened.run(image | weight_feeds(weights(small_net)))["scores"]
    np.testing.assert_allclose(found, OrtRunner(small_net).run(image)["scores"], atol=1e-6)


def test_other_weights_are_taken(small_net, images):
    [image] = images(1)
    opened = OrtRunner(with_open_weights(small_net, LAYERS))
    found = [opened.run(image | weight_feeds({n: w * k for n, w in weights(small_net).items()})) for k in (1, 0)]
    assert np.abs(found[0]["scores"] - found[1]["scores"]).max() > 1e-3


@pytest.mark.parametrize("attributes", [{}, {"transB": 1}], ids=str)
def test_layers_that_share_a_weight_have_an_input_each(build, attributes):
    rows = [
        ("Gemm", ["x", "w", "c"], ["a"], {"name": "a", **attributes}),
        ("Gemm", ["a", "w", "c"], ["b"], {"name": "b", **attributes}),
    ]
    eye = np.eye(3, dtype=np.float32)
    model = build(rows, {"x": [1, 3]}, {"b": [1, 3]}, {"w": eye, "c": np.zeros(3, np.float32)})
    opened = with_open_weights(model, {"a", "b"})
    assert "w" not in opened.graph.initializers and "w" in model.graph.initializers
    found = OrtRunner(opened).run({"x": np.ones((1, 3), np.float32)} | weight_feeds({"a": 2 * eye, "b": 5 * eye}))
    np.testing.assert_array_equal(found["b"], np.full((1, 3), 10.0))
