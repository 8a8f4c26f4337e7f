from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from detquant.data import open_dataset
from detquant.errors import DatasetError
from detquant.evaluation.agreement import agreement
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import ahead, evaluate, run_over


class Blind:
    """A model that sees nothing."""

    def __init__(self, runner):
        self.runner = runner

    def run(self, feeds):
        return {name: np.zeros_like(output) for name, output in self.runner.run(feeds).items()}


def test_a_perfect_detector_has_an_ap_of_100(square_model, square_data):
    ticks = []
    dataset = open_dataset(square_data())
    found = evaluate(load(square_model), dataset, progress=lambda *tick: ticks.append(tick))
    assert found.accuracy is not None and found.accuracy.ap == pytest.approx(100)
    assert found.images == 4 and found.objects == 8 and found.skipped == ()
    assert set(found.latency_ms) == {"preprocess", "inference", "decode"}
    assert min(found.latency_ms.values()) > 0
    assert ticks == [("evaluating", done, 4) for done in range(1, 5)]


def test_several_models_see_the_same_images(square_model, square_data):
    detector, dataset = load(square_model), open_dataset(square_data(images=9))
    sees = detector.open()
    measured = run_over(detector.family, {"float": sees, "blind": Blind(sees)}, dataset, limit=6)
    assert measured.images == 6
    assert measured.sides["float"].accuracy.ap == pytest.approx(100)
    assert measured.sides["blind"].accuracy.ap == 0
    found = agreement(measured.sides["float"].confident, measured.sides["blind"].confident)
    assert (found.images, found.reference_boxes, found.candidate_boxes) == (6, 12, 0)


def test_without_labels_there_is_no_accuracy(square_model, square_data):
    folder = square_data().parent / "images/val"
    found = evaluate(load(square_model), open_dataset(folder))
    assert found.accuracy is None and found.objects == 8


def test_an_image_that_vanished_is_skipped_and_named(square_model, square_data):
    dataset = open_dataset(square_data())
    dataset.validation[1].unlink()
    found = evaluate(load(square_model), dataset)
    assert found.images == 3 and found.accuracy.images == 3
    assert [skip.path for skip in found.skipped] == [dataset.validation[1]]


def test_no_image_at_all_is_an_error(square_model, square_data):
    dataset = open_dataset(square_data(images=1))
    dataset.validation[0].unlink()
    with pytest.raises(DatasetError, match="None of 1 images"):
        evaluate(load(square_model), dataset)


def test_other_classes_are_refused_before_any_image(square_model, square_data):
    dataset = replace(open_dataset(square_data()), classes=("one", "two"))
    with pytest.raises(DatasetError, match="2 classes, the model has 80"):
        evaluate(load(square_model), dataset)


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_ahead_keeps_the_order(count):
    assert list(ahead(iter(range(count)), batch=4)) == list(range(count))


def test_ahead_is_one_batch_ahead_and_no_more():
    made, second = [], threading.Event()

    def items():
        for number in range(12):
            made.append(number)
            if number == 7:
                second.set()
            yield number

    source = ahead(items(), batch=4)
    next(source)
    assert second.wait(5)
    source.close()
    assert made == list(range(8))


def test_an_error_of_the_thread_is_raised():
    def items():
        yield 1
        raise DatasetError("gone")

    with pytest.raises(DatasetError, match="gone"):
        list(ahead(items()))
