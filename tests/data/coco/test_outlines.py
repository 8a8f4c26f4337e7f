from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval.core import mask

from detquant.data.coco.outlines import extent


@pytest.mark.parametrize("seed", range(8))
def test_masks_in_run_lengths_have_the_extent_that_others_find(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.zeros((30, 40), np.uint8)
    top, left = rng.integers(0, 15, 2)
    pixels[top : top + rng.integers(1, 15), left : left + rng.integers(1, 20)] = 1
    pixels &= rng.integers(0, 3, pixels.shape, np.uint8) > 0
    encoded = mask.encode(np.asfortranarray(pixels))
    flat = pixels.T.reshape(-1)
    edges = [0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]
    runs = np.diff(edges).tolist()
    runs = [0, *runs] if flat[0] else runs
    expected = tuple(mask.toBbox(encoded)) if pixels.any() else None
    for counts in (encoded["counts"].decode(), runs):
        assert extent({"size": [30, 40], "counts": counts}) == expected


@pytest.mark.parametrize(
    "polygons",
    [[[1, 2, 5, 2, 5, 8]], [1, 2, 5, 2, 5, 8], [[1, 2, 3, 4], [5, 8, 2, 2]], [[[1, 2], [5, 2], [5, 8]]]],
)
def test_polygons(polygons: list[object]) -> None:
    assert extent(polygons) == (1, 2, 4, 6)


@pytest.mark.parametrize(
    "senseless",
    [
        *(
            None,
            7,
            "x",
            [],
            [[]],
            [[1]],
            [[1, "a"]],
            [[1, float("nan")]],
            [[1, 10**400]],
            [[1, True]],
            [None],
            [[1, 2], 3],
        ),
        *({}, {"size": [2, 2]}, {"size": [2, 2], "counts": [1, -1]}, {"size": [2, 2], "counts": [0, 10**400]}),
        *({"size": [0, 2], "counts": [1]}, {"size": "ab", "counts": [1]}, {"size": [2, 2], "counts": "\ud800"}),
        *({"size": [2, 2], "counts": "o" * 99}, {"size": [2, 2], "counts": [4]}, {"size": [2, 2], "counts": [True]}),
    ],
)
def test_what_makes_no_sense_has_no_extent(senseless: object) -> None:
    assert extent(senseless) is None
