"""Places that a Resize reads, by ONNX's formulas."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.resize_places import ROUNDINGS, places


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("asymmetric", [0, 0.5, 1, 1.5]),
        ("half_pixel", [-0.25, 0.25, 0.75, 1.25]),
        ("pytorch_half_pixel", [-0.25, 0.25, 0.75, 1.25]),
        ("align_corners", [0, 1 / 3, 2 / 3, 1]),
    ],
)
def test_ways(how, expected):
    np.testing.assert_allclose(places(how, 2, 4, 2.0), expected)


def test_one_pixel_and_ways_of_others():
    assert places("pytorch_half_pixel", 5, 1, 0.2).tolist() == [0]
    assert places("align_corners", 5, 1, 0.2).tolist() == [0]
    assert places("tf_crop_and_resize", 5, 1, 0.2) is None


def test_roundings_of_halves():
    halves = np.array([0.5, 1.5])
    found = {name: function(halves).tolist() for name, function in ROUNDINGS.items()}
    assert found == {
        "round_prefer_floor": [0, 1],
        "round_prefer_ceil": [1, 2],
        "floor": [0, 1],
        "ceil": [1, 2],
    }
