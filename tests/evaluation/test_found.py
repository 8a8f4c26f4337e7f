from __future__ import annotations

import numpy as np
import pytest
from thrown_detections import rows, thrown

from detquant.evaluation.found import Found
from detquant.families import Detections


def test_each_image_comes_back_as_it_went_in() -> None:
    _, images = thrown(7, seed=1)
    found = Found.of([Detections.empty(), *images, Detections.empty()])
    assert len(found) == 9 and len(found.at(0)) == len(found.at(8)) == 0
    for place, one in enumerate(images, start=1):
        again = found.at(place)
        assert np.array_equal(again.xyxy, one.xyxy) and np.array_equal(again.confidence, one.confidence)
        assert np.array_equal(again.class_id, one.class_id)
        assert (found.image[found.starts[place] : found.starts[place + 1]] == place).all()


def test_twenty_four_bytes_each() -> None:
    _, images = thrown(20, seed=2)
    found = Found.of(images)
    arrays = found.xyxy, found.confidence, found.class_id
    assert sum(one.nbytes for one in arrays) == 24 * sum(map(len, images))


def test_above_a_confidence() -> None:
    found = Found.of([rows((0, 0, 9, 9, 0.5, 0), (0, 0, 9, 9, 0.25, 1)), rows((0, 0, 9, 9, 0.2, 0))])
    assert [len(one) for one in found.above(0.25)] == [2, 0]


@pytest.mark.parametrize("images", [[], [Detections.empty()]])
def test_nothing(images: list[Detections]) -> None:
    found = Found.of(images)
    assert len(found) == len(images) and len(found.confidence) == len(found.image) == 0
