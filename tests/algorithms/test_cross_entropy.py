from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.cross_entropy import LEAST, CrossEntropy

PROBABILITIES = np.array([[0.7, 0.2, 0.1]], np.float32)


class Heads:
    ranked = False

    def scores(self, outputs):
        return outputs["p"]

    def boxes(self, outputs):
        return np.zeros((1, 4), np.float32)


def says(p):
    return lambda feed: {"p": np.asarray(p, np.float32).reshape(1, -1)}


def measure(*labels):
    return CrossEntropy(Heads(), says(PROBABILITIES), [{"k": np.array(k)} for k in range(len(labels))], labels)


def test_with_a_label_it_is_the_surprise_at_it():
    assert measure(1)(says([0.5, 0.25, 0.25])) == pytest.approx(-np.log(0.25))
    assert measure(0, 1)(says([0.5, 0.25, 0.25])) == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2)


def test_without_one_nothing_is_nearer_than_the_float_model():
    own = measure(None)(says(PROBABILITIES))
    assert own == pytest.approx(-(PROBABILITIES * np.log(PROBABILITIES)).sum(), rel=1e-5)
    assert measure(None)(says([0.6, 0.3, 0.1])) > own


@pytest.mark.parametrize("p", [[np.nan, np.nan, np.nan], [1.0, 0.0, 0.0]])
def test_one_image_costs_so_much_at_most(p):
    assert measure(2)(says(p)) == pytest.approx(-np.log(LEAST), rel=1e-4)


def test_parts_are_of_the_images_and_their_labels():
    run = says([0.5, 0.3, 0.2])
    whole = measure(0, 1, 2)
    assert whole.limited(1)(run) == pytest.approx(-np.log(0.5))
    assert whole.beyond(1)(run) == pytest.approx(-(np.log(0.3) + np.log(0.2)) / 2, rel=1e-5)
    assert len(whole.feeds) == 3
