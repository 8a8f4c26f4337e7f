from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.expectation import expectation_as_ratio

BINS = 16


@pytest.fixture
def head(build):
    """head(axis, ...): YOLOv8's boxes: softmax over bins and the 1x1 convolution behind it."""

    def make(axis=1, bins=None, also=(), outputs=("y",), bias=False, conv=None):
        weights = {"bins": np.arange(BINS) if bins is None else bins}
        weights = {
            "bins": weights["bins"].reshape(-1, BINS, 1, 1).astype(np.float32),
            "b": np.ones(1, np.float32),
        }
        rows = [
            ("Softmax", ["x"], ["p"], {"axis": axis}),
            ("Conv", ["p", "bins", "b"] if bias else ["p", "bins"], ["e"], conv or {}),
            ("Mul", ["e", "e"], ["y"], {}),
            *also,
        ]
        return build(rows, {"x": [1, BINS, 4, 30]}, dict.fromkeys(outputs), weights)

    return make


def kinds(model):
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize("outputs", [("y",), ("y", "e"), ("e",)])
def test_it_is_the_same_number_within_float_rounding(head, greatest_difference, outputs):
    before = head(outputs=outputs)
    after = expectation_as_ratio(before)
    assert "Softmax" not in kinds(after) and "Softmax" in kinds(before)
    for scale in (1.0, 30.0):  # 30: exp would overflow without the peak taken off
        assert greatest_difference(before, after, (1, BINS, 4, 30), scale) <= 1e-6 * BINS**2


@pytest.mark.parametrize(
    "different",
    [
        {"axis": 2},
        {"bins": np.arange(BINS)[::-1].copy()},
        {"also": [("Relu", ["p"], ["other"], {})], "outputs": ("y", "other")},
        {"outputs": ("y", "p")},
        {"bins": np.stack([np.arange(BINS), np.ones(BINS)])},
        {"bias": True},
        {"conv": {"strides": [2, 2]}},
        {"conv": {"pads": [1, 1, 1, 1]}},
    ],
    ids=[
        "axis 2",
        "no expectation",
        "softmax read twice",
        "softmax given out",
        "two sums",
        "bias",
        "strides",
        "pads",
    ],
)
def test_what_is_not_the_pair_stays(head, different):
    before = head(**different)
    assert kinds(expectation_as_ratio(before)) == kinds(before)
