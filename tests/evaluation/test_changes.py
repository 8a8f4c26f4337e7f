from __future__ import annotations

import pytest
from thrown_detections import rows, thrown

from detquant.evaluation.agreement import agreement
from detquant.evaluation.changes import Fate, boxes_of, changed_guesses, largest_changes
from detquant.families import Detections


def fates(before: Detections, after: Detections) -> tuple[list[str], list[str]]:
    change = boxes_of(0, before, after)
    return [str(box.fate) for box in change.before], [str(box.fate) for box in change.after]


SQUARE = (0, 0, 20, 20, 0.9, 1)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ((0, 0, 20, 20, 0.4, 1), (["kept"], ["kept"])),
        ((0, 0, 20, 16.5, 0.4, 1), (["kept"], ["kept"])),
        ((0, 0, 20, 14, 0.4, 1), (["moved"], ["moved"])),
        ((0, 0, 20, 8, 0.4, 1), (["lost"], ["new"])),
        ((0, 0, 20, 20, 0.4, 2), (["renamed"], ["renamed"])),
        ((40, 40, 60, 60, 0.4, 1), (["lost"], ["new"])),
    ],
)
def test_what_becomes_of_a_box(after: tuple[float, ...], expected: tuple[list[str], list[str]]) -> None:
    assert fates(rows(SQUARE), rows(after)) == expected


def test_the_same_class_comes_before_the_same_place() -> None:
    before = rows((0, 0, 20, 20, 0.9, 1))
    after = rows((0, 0, 20, 20, 0.9, 2), (0, 0, 20, 15, 0.5, 1))
    assert fates(before, after) == (["moved"], ["new", "moved"])


def test_nothing_on_one_side_or_on_both() -> None:
    assert fates(rows(SQUARE), rows()) == (["lost"], []) and fates(rows(), rows(SQUARE)) == ([], ["new"])
    assert boxes_of(0, rows(), rows()).share == 0 and boxes_of(0, rows(SQUARE), rows()).share == 1


def test_the_share_is_that_of_agreement() -> None:
    _, ours = thrown(12, seed=1)
    _, theirs = thrown(12, seed=1)
    pairs = [(a, b.select(b.confidence > 0.4)) for a, b in zip(ours, theirs, strict=True)]
    for before, after in pairs:
        expected = 1 - agreement([before], [after], confidence=0.0).f1
        assert boxes_of(0, before, after).share == pytest.approx(expected)


def test_the_largest_change_is_first_and_images_without_one_are_left_out() -> None:
    far = (50, 50, 70, 70, 0.9, 1)
    before = [rows(SQUARE), rows(SQUARE, far), rows(SQUARE), rows(SQUARE)]
    after = [rows(SQUARE), rows(), rows((0, 0, 20, 14, 0.9, 1)), rows((0, 0, 20, 20, 0.9, 3))]
    found, changed = largest_changes(before, after)
    assert [one.place for one in found] == [1, 3, 2] and changed == 3
    assert largest_changes(before * 9, after * 9, most=2)[0] == largest_changes(before * 9, after * 9, most=99)[0][:2]
    assert largest_changes(before * 9, after * 9, most=2)[1] == 27
    assert [one.changed for one in found] == [2, 2, 2]


def test_guesses_that_are_others_the_surest_first() -> None:
    before = [rows((0, 0, 9, 9, 0.6, 1)), rows((0, 0, 9, 9, 0.9, 1)), rows((0, 0, 9, 9, 0.8, 2))]
    after = [rows((0, 0, 9, 9, 0.5, 0)), rows((0, 0, 9, 9, 0.3, 2)), rows((0, 0, 9, 9, 0.8, 2))]
    found, changed = changed_guesses(before, after)
    assert [one.place for one in found] == [1, 0] and changed == 2
    assert changed_guesses(before, after, most=1) == (found[:1], 2)
    [ours], [theirs] = found[0].before, found[0].after
    assert (ours.class_id, theirs.class_id, ours.xyxy, ours.fate) == (1, 2, (), Fate.RENAMED)
    assert found[0].share == 1 and changed_guesses(before, before) == ([], 0)
