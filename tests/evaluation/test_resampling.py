from __future__ import annotations

import numpy as np
import pytest
from thrown_detections import CLASSES, rows, thrown

from detquant.evaluation.found import Found
from detquant.evaluation.matching import match
from detquant.evaluation.resampling import (
    FEW,
    LEAST,
    MOST,
    WORK,
    changes_of_classes,
    changes_of_guesses,
    draws,
    ends,
    enough,
    interval,
    mean_of_classes,
    right_guesses,
)
from detquant.evaluation.truth import Truth


def test_draws_are_as_many_as_the_images_and_the_same_for_the_same_seed() -> None:
    drawn = draws(50, 20, seed=3)
    assert drawn.shape == (20, 50) and (drawn.sum(axis=1) == 50).all()
    assert np.array_equal(drawn, draws(50, 20, seed=3)) and not np.array_equal(drawn, draws(50, 20, seed=4))


def test_a_model_beside_itself_loses_nothing_with_any_images() -> None:
    known, found = thrown(40, seed=1)
    matches = match(Truth.of(known, [one["id"] for one in known["images"]]), Found.of(found))
    changes = mean_of_classes(changes_of_classes(matches, matches, CLASSES, draws(40, 30)))
    between = interval(0.0, changes, 40)
    assert between is not None and (between.low, between.high, between.resamples) == (0, 0, 30) and between.holds_zero


def test_the_interval_is_that_of_the_mean_where_the_measure_is_a_mean() -> None:
    """Of guesses the drop is a mean, whose standard error is known."""
    rng = np.random.default_rng(0)
    before, after = 100.0 * (rng.random(400) < 0.8), 100.0 * (rng.random(400) < 0.6)
    between = interval(before.mean() - after.mean(), changes_of_guesses(before, after, draws(400, 500)), 400)
    assert between is not None
    error = (before - after).std() / np.sqrt(400)
    assert between.drop - between.low == pytest.approx(1.96 * error, rel=0.15)
    assert between.high - between.drop == pytest.approx(1.96 * error, rel=0.15)
    assert not between.holds_zero


def test_few_images_have_no_interval() -> None:
    assert interval(1.0, np.zeros(100), FEW - 1) is None and interval(1.0, np.zeros(100), FEW) is not None
    assert interval(1.0, np.full(100, np.nan), 99) is None and ends(np.array([np.nan, np.nan, 1.0])) is None


def test_fewer_resamples_of_many_detections() -> None:
    known, found = thrown(10, seed=1)
    matches = match(Truth.of(known, [one["id"] for one in known["images"]]), Found.of(found))
    assert enough(matches) == enough() == MOST
    numbers = len(matches.confidence) + 10 * len(matches.near)
    assert enough(matches, most=10**9) == WORK // numbers > LEAST


def test_right_guesses() -> None:
    guesses = [rows((0, 0, 1, 1, 0.9, 2), (0, 0, 1, 1, 0.1, 1)), rows((0, 0, 1, 1, 0.9, 1)), rows()]
    assert right_guesses(guesses, [2, 2, 0]).tolist() == [100, 0, 0]
