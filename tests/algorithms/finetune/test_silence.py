"""Images that show a float model nothing are known by what it says of them."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.finetune.silence import Silence, information


class Cells:
    """Scores as they are given."""

    ranked = False

    def scores(self, outputs):
        return outputs["scores"]

    def boxes(self, outputs):
        return np.zeros((len(outputs["scores"]), 4), np.float32)


def heard(rows):
    silence = Silence(Cells())
    for row in rows:
        silence.hear({"scores": np.asarray(row, np.float32)})
    return silence


def test_a_detector_must_see_something_in_a_quarter_of_the_images():
    seen, unseen = [[0.1, 0.9], [0.0, 0.1]], [[0.1, 0.2], [0.0, 0.1]]
    assert heard([seen, unseen, unseen, unseen]).why() is None
    assert heard([seen, *[unseen] * 4]).why() == "the float model sees something in 1 of 5 images"


def test_a_classifier_must_not_say_the_same_of_all():
    sure, other = [[0.98, 0.01, 0.01]], [[0.01, 0.98, 0.01]]
    assert heard([sure, other, sure, other]).why() is None
    assert "says much the same of all 4 images" in heard([sure] * 4).why()


def test_information_is_between_nothing_and_the_logarithm_of_the_classes():
    assert information(np.full((5, 4), 0.25)) == pytest.approx(0.0, abs=1e-9)
    assert information(np.eye(4)) == pytest.approx(np.log(4))
