from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.layerwise.importance import MOST, Importance
from detquant.algorithms.layerwise.map_forms import ConvForm
from detquant.algorithms.layerwise.matrix_form import MatrixForm
from detquant.graph.window import Window

WINDOW = Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))
ALL = np.arange(64)


def form(rows=8, columns=8):
    return ConvForm((1, 1, 1, 1), WINDOW, 1, (rows, columns))


class Heads:
    """Gives the boxes it was made with, with their scores."""

    ranked = False

    def __init__(self, boxes, scores):
        self._boxes, self._scores = np.float32(boxes).reshape(-1, 4), np.float32(scores).reshape(-1, 1)

    def scores(self, outputs):
        return self._scores

    def boxes(self, outputs):
        return self._boxes


def seen(boxes, scores, size=(80, 80)):
    importance = Importance(Heads(boxes, scores), size)
    importance.see(0, {})
    return importance


def test_cells_of_an_object_weigh_as_much_as_all_others_together():
    weights = seen([[20, 0, 60, 40]], [0.9]).weights(form(), ALL, 0).reshape(8, 8)
    inside = weights[:4, 2:6]
    assert inside.sum() == pytest.approx(32, rel=1e-5)
    assert weights.sum() == pytest.approx(64, rel=1e-5)
    assert np.unique(inside).size == 1


def test_a_small_object_weighs_at_most_so_much():
    weights = seen([[0, 0, 9, 9]], [0.9]).weights(form(), ALL, 0)
    assert weights[0] / weights[1] == pytest.approx(MOST)


def test_a_map_of_any_size_is_laid_over_the_image():
    weights = seen([[0, 0, 80, 20]], [0.9], (40, 80)).weights(form(2, 32), ALL, 0).reshape(2, 32)
    assert (weights[0] == weights[0, 0]).all()
    boxes = seen([[40, 0, 80, 20]], [0.9], (40, 80)).weights(form(2, 32), ALL, 0).reshape(2, 32)
    assert boxes[0, 15] < boxes[0, 16]


@pytest.mark.parametrize(
    ("importance", "layer"),
    [
        (Importance(None, (80, 80)), form()),
        (Importance(Heads([[0, 0, 40, 40]], [0.9]), None), form()),
        (seen([[0, 0, 40, 40]], [0.05]), form()),
        (seen([[0, 0, 80, 80]], [0.9]), form()),
        (seen([[0, 0, 40, 40]], [0.9]), MatrixForm(True, 64)),
        (seen([[-50, -50, -10, -10]], [0.9]), form()),
    ],
    ids=["no heads", "no image", "nothing sure", "all of it", "no map", "outside"],
)
def test_without_an_object_all_weigh_the_same(importance, layer):
    np.testing.assert_array_equal(importance.weights(layer, ALL, 0), np.ones(64, np.float32))
