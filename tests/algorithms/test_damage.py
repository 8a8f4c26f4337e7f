from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.damage import FEWEST, Damage, paired_iou

CELLS, CLASSES = 100, 3
RNG = np.random.default_rng(8)
SCORES = np.full((CELLS, CLASSES), 0.01, np.float32)
SCORES[:30, 1] = RNG.uniform(0.9, 1.0, 30)
CORNER = RNG.uniform(0, 100, (CELLS, 2)).astype(np.float32)
BOXES = np.concatenate([CORNER, CORNER + 20], axis=1)


class Heads:
    ranked = False

    def scores(self, outputs):
        return outputs["scores"]

    def boxes(self, outputs):
        return outputs["boxes"]


def outputs(scores=SCORES, boxes=BOXES):
    return lambda feed: {"scores": scores, "boxes": boxes}


@pytest.fixture
def damage():
    return Damage(Heads(), outputs(), [{}, {}])


def test_an_equal_model_has_none(damage):
    assert damage(outputs(SCORES.copy(), BOXES.copy())) == 0.0


def test_it_need_not_go_on_above_a_limit(damage):
    runs = []

    def blind(feed):
        runs.append(feed)
        return {"scores": np.zeros_like(SCORES), "boxes": BOXES}

    whole = damage(blind)
    assert damage.up_to(whole, blind) == pytest.approx(whole)
    runs.clear()
    assert 0.4 * whole < damage.up_to(0.4 * whole, blind) <= whole and len(runs) == 1


def test_nor_where_boxes_have_no_area():
    points = np.concatenate([CORNER, CORNER], axis=1)
    assert Damage(Heads(), outputs(boxes=points), [{}])(outputs(boxes=points)) == 0.0


def test_a_blind_model_has_about_one(damage):
    assert damage(outputs(scores=np.zeros_like(SCORES))) == pytest.approx(0.95, abs=0.05)


def test_boxes_elsewhere_cost_what_the_score_was(damage):
    moved = damage(outputs(boxes=BOXES + 1000))
    assert moved == pytest.approx(SCORES[:30, 1].mean(), abs=1e-5)
    assert 0.0 < damage(outputs(boxes=BOXES + 1)) < 0.2 * moved


def test_what_the_float_model_does_not_see_does_not_count(damage):
    scores, boxes = SCORES.copy(), BOXES.copy()
    scores[50:], boxes[50:] = 0.09, 0.0
    assert damage(outputs(scores, boxes)) == 0.0


def test_a_handful_of_cells_counts_where_nothing_is_seen():
    faint = np.zeros_like(SCORES)
    faint[:20] = 0.05
    damage = Damage(Heads(), outputs(faint), [{}])
    assert damage(outputs(faint + 0.02)) == pytest.approx(0.02, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_worse_than_blind(damage, value):
    assert damage(outputs(scores=np.full_like(SCORES, value))) == 2.0


def test_damage_is_the_mean_over_images():
    feeds = [{"k": np.array(0)}, {"k": np.array(1)}]

    def blind_on_the_second(feed):
        return outputs(SCORES * (1 - int(feed["k"])))(feed)

    damage = Damage(Heads(), outputs(), feeds)
    assert damage(blind_on_the_second) == pytest.approx(0.475, abs=0.03)


class Ranked(Heads):
    ranked = True


FOUND = np.zeros((6, CLASSES), np.float32)  # the last two rows hold nothing
FOUND[[0, 1, 2, 3], [1, 0, 1, 2]] = [0.9, 0.8, 0.7, 0.6]


def found(order=range(6), scores=FOUND, boxes=BOXES[:6]):
    return outputs(scores[list(order)], boxes[list(order)])


def test_rows_in_another_order_are_the_same_when_they_are_what_was_found():
    assert Damage(Heads(), found(), [{}])(found([1, 0, 3, 2, 4, 5])) > 0.5
    assert Damage(Ranked(), found(), [{}])(found([1, 0, 3, 2, 4, 5])) == 0.0


def test_an_object_that_is_lost_moved_or_of_another_class_costs_its_score():
    damage, less, turned, moved = Damage(Ranked(), found(), [{}]), FOUND.copy(), FOUND.copy(), BOXES[:6].copy()
    less[1], turned[1], moved[1] = 0, [0, 0, 0.8], BOXES[1] + 1000
    for run in (found(scores=less), found(scores=turned), found(boxes=moved)):
        assert damage(run) == pytest.approx(0.8 * 2 / FEWEST, abs=1e-6)  # its score is gone and its box too
    faded = FOUND.copy()
    faded[0, 1] = 0.6
    assert damage(found(scores=faded)) == pytest.approx(0.3 / FEWEST, abs=1e-6)
    assert damage(found(scores=np.zeros_like(FOUND))) == pytest.approx(2 * FOUND.sum() / FEWEST, abs=1e-6)


def test_iou_of_pairs():
    a = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2], [3, 3, 1, 1]], np.float32)
    b = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 2, 2]], np.float32)
    np.testing.assert_allclose(paired_iou(a, b), [1, 1 / 3, 0, 0], atol=1e-6)


def test_cells_without_an_object_do_not_hide_the_one_that_is_lost():
    lonely = np.zeros((40, CLASSES), np.float32)
    lonely[7, 1] = 0.9
    damage = Damage(Heads(), outputs(lonely, BOXES[:40]), [{}])
    assert damage(outputs(np.zeros_like(lonely), BOXES[:40])) == pytest.approx(0.9 / FEWEST, abs=1e-6)


def test_false_alarms_count_where_they_are_asked_for(damage):
    scores = SCORES.copy()
    scores[40:50, 2] = 0.61
    assert damage(outputs(scores)) == 0.0
    assert damage.with_alarms()(outputs(scores)) == pytest.approx(10 * 0.6 / 30, abs=1e-6)
    assert damage.with_alarms().limited(1)(outputs(scores)) == pytest.approx(0.2, abs=1e-6)
    assert damage.with_alarms()(outputs()) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_alarms_are_finite(damage, value):
    assert np.isfinite(damage.with_alarms()(outputs(scores=np.full_like(SCORES, value))))


def test_rows_that_the_float_model_does_not_have_are_alarms():
    class Ranked(Heads):
        ranked = True

    scores, boxes = SCORES.copy(), BOXES.copy()
    scores[30:] = 0.0
    damage = Damage(Ranked(), outputs(scores, boxes), [{}]).with_alarms()
    assert damage(outputs(scores[::-1], boxes[::-1])) == pytest.approx(0.0, abs=1e-6)
    more, elsewhere = scores.copy(), boxes.copy()
    more[60, 0], elsewhere[60] = 0.9, [500, 500, 520, 520]
    assert damage(outputs(more, elsewhere)) == pytest.approx(0.9 / 30, abs=1e-6)
