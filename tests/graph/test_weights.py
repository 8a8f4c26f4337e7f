from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.running import OrtRunner
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight

X = np.random.default_rng(0).standard_normal((1, 2, 4, 4)).astype(np.float32)


@pytest.fixture
def twins(build):
    """Two convolutions that read one weight; the first also has a bias."""
    weight = np.random.default_rng(1).standard_normal((3, 2, 1, 1)).astype(np.float32)
    return build(
        [
            ("Conv", ["x", "w", "b"], ["y"], {"name": "left"}),
            ("Conv", ["x", "w"], ["z"], {"name": "right"}),
        ],
        {"x": [1, 2, 4, 4]},
        {"y": None, "z": None},
        {"w": weight, "b": np.ones(3, np.float32)},
    )


def outputs(model):
    return OrtRunner(model, optimisation="none").run({"x": X})


def test_a_weight_is_replaced_for_its_own_operator_only(twins):
    before, left = outputs(twins), twins.graph.node("left")
    replace_weight(left, 2 * constant(weight_of(left)))
    after = outputs(twins)
    np.testing.assert_allclose(after["y"], 2 * before["y"] - 1, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(after["z"], before["z"])


def test_a_weight_that_one_operator_reads_keeps_its_name(twins):
    left = twins.graph.node("left")
    replace_weight(left, np.zeros((3, 2, 1, 1)))
    replace_weight(left, np.ones((3, 2, 1, 1)))
    name = weight_of(left).name
    replace_weight(left, np.full((3, 2, 1, 1), 2.0))
    assert weight_of(left).name == name
    np.testing.assert_allclose(
        outputs(twins)["y"], 1 + 2 * X.sum(axis=1, keepdims=True).repeat(3, 1), rtol=1e-5, atol=1e-5
    )


def test_a_bias_is_replaced_or_made(twins):
    before = outputs(twins)
    for name in ("left", "right"):
        replace_bias(twins.graph.node(name), np.array([1.0, 2.0, 3.0]))
    after, shift = outputs(twins), np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(after["y"], before["y"] - 1 + shift, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after["z"], before["z"] + shift, rtol=1e-5, atol=1e-5)
    assert constant(bias_of(twins.graph.node("right"))).dtype == np.float32
