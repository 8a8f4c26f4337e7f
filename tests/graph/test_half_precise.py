from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.half_precise import NOTHING, TOLERABLE, half_precise, with_half_precise_weights
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant


def test_what_float16_holds_stays():
    held = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(half_precise(held, 0), held)


def test_a_float16_copy_gives_the_same():
    weight = np.random.default_rng(1).normal(0, 0.05, (16, 8, 3, 3)).astype(np.float32)
    weight[3] *= 1e-5  # a nearly dead channel
    weight[4] *= 1e-30
    rounded = half_precise(weight, 0)
    np.testing.assert_array_equal(rounded, half_precise(weight.astype(np.float16).astype(np.float32), 0))
    assert (rounded != weight).any()
    moved, size = np.abs(rounded - weight).max(axis=(1, 2, 3)), np.abs(weight).max(axis=(1, 2, 3))
    assert (moved <= np.maximum(TOLERABLE * size, NOTHING * size.max())).all()


@pytest.mark.parametrize("factor", [1e-6, 1e7])
def test_what_float16_cannot_hold_stays(factor):
    weight = (factor * np.random.default_rng(2).normal(size=(2, 5))).astype(np.float32)
    np.testing.assert_array_equal(half_precise(weight, 0), weight)


def test_each_number_of_a_bias_stands_for_itself():
    bias = np.array([0.1, 1e6, -3.3], np.float32)
    rounded = half_precise(bias, None)
    assert rounded[1] == bias[1]
    np.testing.assert_array_equal(rounded[[0, 2]], bias[[0, 2]].astype(np.float16).astype(np.float32))


def test_the_layers_of_a_graph_and_nothing_else(small_net):
    before = {name: constant(value) for name, value in small_net.graph.initializers.items()}
    after = with_half_precise_weights(small_net)
    layers = {v.name for node in after.graph for v in (weight_of(node), bias_of(node)) if v is not None}
    assert layers
    for name, value in after.graph.initializers.items():
        was, now = before[name], constant(value)
        assert was is not None and now is not None
        wanted = now.astype(np.float16).astype(np.float32) if name in layers else was
        np.testing.assert_array_equal(now, wanted)
        np.testing.assert_array_equal(constant(small_net.graph.initializers[name]), was)
