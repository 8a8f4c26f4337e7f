from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from thrown_detections import thrown

from detquant.evaluation.found import Found
from detquant.evaluation.matching import Matches, match
from detquant.evaluation.thresholds import Ranked, Thresholds, is_threshold, shortest_between, thresholds
from detquant.evaluation.truth import Truth

ASKED = 0.25


def pair(seed: int = 1, images: int = 60) -> tuple[Truth, Found]:
    """Objects, and detections whose scores are all different."""
    known, found = thrown(images, seed)
    rng = np.random.default_rng(seed)
    several = Found.of(found)
    scores = rng.random(len(several.confidence)).astype(np.float32)
    return Truth.of(known, [one["id"] for one in known["images"]]), replace(several, confidence=scores)


def with_scores(found: Found, scores: np.ndarray) -> Found:
    return replace(found, confidence=scores.astype(np.float32))


def matched(truth: Truth, found: Found) -> Matches:
    return match(truth, found)


@pytest.mark.parametrize("keeps", ["recall", "f1"])
@pytest.mark.parametrize("shift", [lambda c: c**2 * 0.8, lambda c: np.sqrt(c), lambda c: 0.01 + c / 50])
def test_scores_that_are_shifted_are_shifted_back(keeps: str, shift: object) -> None:
    truth, found = pair()
    made = with_scores(found, shift(found.confidence))  # type: ignore[operator]
    result = thresholds(matched(truth, found), matched(truth, made), ASKED, keeps)  # type: ignore[arg-type]
    assert result.proposed is not None and result.after_at_proposed is not None and result.why is None
    here, there = result.before_at_asked, result.after_at_proposed
    if keeps == "recall":
        assert there.recall == pytest.approx(here.recall, abs=1e-9)
        below = shift(np.array([0.22, 0.28]))  # type: ignore[operator]
        assert below[0] < result.proposed < below[1]
    else:
        assert there.f1 >= here.f1 - 1e-9
    assert abs(there.boxes - here.boxes) < 0.05 * here.boxes


def test_the_same_model_keeps_its_threshold() -> None:
    truth, found = pair(seed=3)
    result = thresholds(matched(truth, found), matched(truth, found), ASKED)
    assert result.after_at_proposed is not None
    assert result.after_at_proposed.recall == result.before_at_asked.recall and result.before == result.after
    assert [one.confidence for one in result.before] == sorted({one.confidence for one in result.before})


@pytest.mark.parametrize("keeps", ["recall", "f1"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_threshold_that_does_as_well_stays(keeps: str, labelled: bool) -> None:
    truth, found = pair(seed=8, images=6)
    truth = truth if labelled else Truth.supposed(found, ASKED)
    barely = with_scores(found, np.where(found.confidence > 0.26, found.confidence * 0.999, found.confidence))
    for made in (found, barely):
        result = thresholds(matched(truth, found), matched(truth, made), ASKED, keeps)  # type: ignore[arg-type]
        assert result.proposed == ASKED and result.after_at_proposed == result.after_at_asked


def test_no_score_is_equal_to_the_threshold_and_both_ways_of_counting_agree() -> None:
    for seed in range(5):
        truth, found = pair(seed)
        coarse = with_scores(found, np.round(found.confidence * 12) / 13)
        for keeps in ("recall", "f1"):
            result = thresholds(matched(truth, found), matched(truth, coarse), ASKED, keeps)  # type: ignore[arg-type]
            assert result.proposed is not None
            assert not (coarse.confidence == np.float32(result.proposed)).any()


def test_of_scores_on_a_coarse_grid_the_nearest_recall_is_taken() -> None:
    truth, found = pair(seed=4)
    coarse = with_scores(found, np.round(found.confidence * 4) / 4)
    result = thresholds(matched(truth, found), matched(truth, coarse), ASKED)
    ranked, there = Ranked.of(matched(truth, coarse)), result.after_at_proposed
    assert there is not None
    possible = [ranked.at(score).recall for score in (0.25, 0.5, 0.75, 1.0)]
    assert abs(there.recall - result.before_at_asked.recall) == min(
        abs(one - result.before_at_asked.recall) for one in possible
    )


def test_where_too_little_is_found_at_all_there_is_none_and_the_reason() -> None:
    truth, found = pair(seed=5)
    few = replace(found, confidence=np.where(np.arange(len(found.confidence)) % 4 == 0, found.confidence, 0))
    few = Found.of(one.above(0.001) for one in (few.at(place) for place in range(len(few))))
    result = thresholds(matched(truth, found), matched(truth, few), 0.1)
    assert result.proposed is None and result.after_at_proposed is None
    assert result.why and "at any threshold" in result.why and "at 0.1" in result.why
    nothing = Found.of([few.at(0).select(np.zeros(0, np.int64))] * len(found))
    silent = thresholds(matched(truth, found), matched(truth, nothing), ASKED)
    assert silent.after == () and silent.after_at_asked.boxes == 0 and silent.proposed is None
    assert thresholds(matched(truth, found), matched(truth, nothing), ASKED, "f1").why
    blind = thresholds(matched(truth, nothing), matched(truth, found), ASKED)
    assert blind.proposed is None and blind.why == "the float model finds no object at 0.25"


def test_without_labels_as_many_boxes_or_the_best_agreement() -> None:
    _, found = pair(seed=6)
    truth, made = Truth.supposed(found, ASKED), with_scores(found, found.confidence**2)
    many = thresholds(matched(truth, found), matched(truth, made), ASKED)
    assert not many.labelled and many.before_at_asked.recall == 100
    assert many.after_at_proposed is not None and many.after_at_proposed.boxes == many.before_at_asked.boxes
    best = thresholds(matched(truth, found), matched(truth, made), ASKED, "f1")
    assert best.after_at_proposed is not None
    assert best.after_at_proposed.f1 >= max(one.f1 for one in best.after)
    nothing = Truth.supposed(found, 2.0)
    assert thresholds(matched(nothing, found), matched(nothing, made), 2.0).why


def test_boxes_of_classes_without_an_object_do_not_count_as_in_ap() -> None:
    truth, found = pair(seed=7)
    ranked = Ranked.of(matched(truth, found))
    known = np.isin(found.class_id, truth.class_id[~truth.crowd])
    assert 0 < len(ranked.confidence) <= known.sum() < len(found.confidence)


def test_precision_and_recall_by_hand() -> None:
    ranked = Ranked(np.float32([0.9, 0.8, 0.8, 0.3]), np.array([1, 1, 2, 3]), 4)
    point = ranked.at(0.8)
    assert (point.boxes, point.precision, point.recall) == (3, pytest.approx(200 / 3), 50.0)
    assert point.f1 == pytest.approx(2 / (1.5 + 2) * 100) and ranked.at(0.95).boxes == 0
    assert ranked.levels.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.21731, 0.21769, 0.2175), (0.0, 1.0, 0.5), (0.21, 0.39, 0.3), (0.0, 0.004, 0.002), (0.25, 0.2500001, None)],
)
def test_the_number_of_fewest_digits(low: float, high: float, expected: float | None) -> None:
    found = shortest_between(low, high)
    assert low < found < high and (expected is None or found == pytest.approx(expected, abs=1e-12))


def test_a_number_that_is_a_score_in_single_precision_is_not_between() -> None:
    score = float(np.float32(0.3))
    assert score > 0.3 and np.float32(shortest_between(0.2, score)) < np.float32(score)
    assert shortest_between(0.2, score) != 0.3
    ranked = Ranked(np.float32([0.7]), np.array([1]), 1)
    assert ranked.at(0.7).boxes == 1  # as `Detections.above` counts


def test_what_can_be_a_threshold() -> None:
    assert all(map(is_threshold, (0, 0.25, 1)))
    assert not any(map(is_threshold, (True, -0.1, 1.1, float("nan"), "0.2", None)))


def test_where_the_users_threshold_takes_the_same_boxes_it_is_kept() -> None:
    truth, found = pair(seed=8)
    coarse = matched(truth, with_scores(found, np.round(found.confidence * 12) / 16))  # 0.1875, 0.25, 0.3125
    assert thresholds(coarse, coarse, 0.26).proposed == 0.26
    on_it = thresholds(coarse, coarse, 0.25)  # where "more than" and "at least" differ
    assert on_it.proposed is not None and 0.1875 < on_it.proposed < 0.25


def test_the_types_are_small() -> None:
    truth, found = pair()
    result = thresholds(matched(truth, found), matched(truth, found), ASKED)
    assert isinstance(result, Thresholds) and len(result.before) < 100
