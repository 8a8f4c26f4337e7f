from __future__ import annotations

import numpy as np
import pytest

from detquant.calibration import informativeness, most_informative
from detquant.calibration.informativeness import CELLS, effective_sample_size


def test_an_image_is_as_informative_as_what_the_model_is_sure_of():
    scores = np.array([[0.9, 0.2], [0.05, 0.09], [0.1, 0.3]], np.float32)
    assert informativeness(scores) == pytest.approx(1.2)
    assert informativeness(np.zeros((0, 3), np.float32)) == 0
    assert informativeness(np.full((4 * CELLS, 1), 0.5, np.float32)) == pytest.approx(0.5 * CELLS)


def test_images_that_show_nothing_are_left_out():
    found = [0, 9, 0, 0, 8, 7, 0, 0.01]
    assert most_informative(found, 3) == [1, 4, 5]
    assert most_informative(found, 2) == [1, 5]


def test_the_images_are_spread_over_those_that_tell():
    found = list(range(100, 0, -1))
    chosen = most_informative(found, 5)
    assert chosen[0] == 0 and len(chosen) == 5 and 60 < chosen[-1] < 75  # nine tenths of the sum
    assert most_informative(found[::-1], 5) == [99 - place for place in reversed(chosen)]


@pytest.mark.parametrize(("found", "count", "places"), [([], 4, []), ([1.0], 4, [0]), ([0, 0, 0], 2, [0, 2])])
def test_few_images(found, count, places):
    assert most_informative(found, count) == places


def test_equal_images_are_spread_over_all():
    chosen = most_informative([1.0] * 64, 4)
    assert len(set(chosen)) == 4 and chosen[0] == 0 and chosen[-1] > 50


def test_how_many_images_tell_as_much():
    assert effective_sample_size([2.0] * 7) == pytest.approx(7)
    assert effective_sample_size([5, 0, 0, 0]) == pytest.approx(1)
    assert effective_sample_size([]) == effective_sample_size([0, 0]) == 0
