from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import interest, telling
from detquant.calibration.interest import CELLS, effective


def test_an_image_is_as_interesting_as_what_the_model_is_sure_of():
    scores = np.array([[0.9, 0.2], [0.05, 0.09], [0.1, 0.3]], np.float32)
    assert interest(scores) == pytest.approx(1.2)
    assert interest(np.zeros((0, 3), np.float32)) == 0
    assert interest(np.full((4 * CELLS, 1), 0.5, np.float32)) == pytest.approx(0.5 * CELLS)


def test_images_that_show_nothing_are_left_out():
    found = [0, 9, 0, 0, 8, 7, 0, 0.01]
    assert telling(found, 3) == [1, 4, 5]
    assert telling(found, 2) == [1, 5]


def test_the_images_are_spread_over_those_that_tell():
    found = list(range(100, 0, -1))
    chosen = telling(found, 5)
    assert chosen[0] == 0 and len(chosen) == 5 and 60 < chosen[-1] < 75  # nine tenths of the sum
    assert telling(found[::-1], 5) == [99 - place for place in reversed(chosen)]


@pytest.mark.parametrize(("found", "count", "places"), [([], 4, []), ([1.0], 4, [0]), ([0, 0, 0], 2, [0, 2])])
def test_few_images(found, count, places):
    assert telling(found, count) == places


def test_equal_images_are_spread_over_all():
    chosen = telling([1.0] * 64, 4)
    assert len(set(chosen)) == 4 and chosen[0] == 0 and chosen[-1] > 50


def test_how_many_images_tell_as_much():
    assert effective([2.0] * 7) == pytest.approx(7)
    assert effective([5, 0, 0, 0]) == pytest.approx(1)
    assert effective([]) == effective([0, 0]) == 0
