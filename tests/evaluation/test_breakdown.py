from __future__ import annotations

import numpy as np
import pytest
from thrown_detections import CLASSES, thrown

from detquant.evaluation.average_precision import average_precision
from detquant.evaluation.breakdown import by_class, by_class_of_image, by_size
from detquant.evaluation.found import Found
from detquant.evaluation.matching import Matches, match
from detquant.evaluation.resampling import changes_of_classes, draws
from detquant.evaluation.truth import Truth
from detquant.families import Detections

NAMES = ("a", "b", "c", "d")


def two(seed: int = 2, images: int = 40) -> tuple[Matches, Matches]:
    """A model, and one that no longer finds class 0."""
    known, found = thrown(images, seed)
    truth = Truth.of(known, [one["id"] for one in known["images"]])
    after = [one.select(one.class_id != 0) for one in found]
    return match(truth, Found.of(found)), match(truth, Found.of(after))


def test_the_class_that_is_lost_stands_out() -> None:
    before, after = two(images=80)
    drawn = draws(80, 50)
    parts = list(by_class(before, after, NAMES, 0.25, changes_of_classes(before, after, CLASSES, drawn)))
    assert [part.name for part in parts] == ["a", "b", "c"]  # d has no object
    lost, *others = parts
    assert lost.before is not None and lost.before > 1 and lost.after == 0 and lost.missed_after == lost.objects
    assert lost.missed_before < lost.objects and lost.high is not None and lost.high < 0
    for part in others:
        assert part.before == part.after and part.missed_before == part.missed_after and part.low == part.high == 0
    assert sum(part.objects for part in parts) == int(before.asked().sum())
    assert lost.before == pytest.approx(average_precision(before, CLASSES)[0][0])


def test_objects_by_size() -> None:
    before, after = two()
    parts = list(by_size(before, after, CLASSES, 0.25, draws(40, 20)))
    assert [part.name for part in parts] == ["small", "medium", "large"]
    assert sum(part.objects for part in parts) == int(before.asked().sum())
    for part in parts:
        assert part.kind == "size" and part.before is not None and part.after is not None
        assert part.after < part.before and part.missed_after > part.missed_before


def test_a_class_of_few_images_has_no_interval() -> None:
    known, found = thrown(80, 2)
    there = sorted({one["image_id"] for one in known["annotations"] if one["category_id"] == 0})[:5]
    for one in known["annotations"]:
        one["iscrowd"] |= one["category_id"] == 0 and one["image_id"] not in there
    one = match(Truth.of(known, [each["id"] for each in known["images"]]), Found.of(found))
    parts = list(by_class(one, one, NAMES, 0.25, changes_of_classes(one, one, CLASSES, draws(80, 20))))
    assert parts[0].objects and parts[0].low is parts[0].high is None
    assert parts[1].low is not None and parts[1].high is not None


def test_few_images_are_not_resampled() -> None:
    before, after = two(images=10)
    changes = changes_of_classes(before, after, CLASSES, draws(10, 20))
    assert all(part.low is part.high is None for part in by_class(before, after, NAMES, 0.25, changes))


def test_classes_of_images() -> None:
    labels = [0] * 40 + [2] * 40
    before, after = np.full(80, 100.0), np.repeat([100.0, 0.0], [60, 20])
    parts = list(by_class_of_image(before, after, labels, NAMES, draws(80, 100)))
    assert [(part.name, part.objects, part.missed_before, part.missed_after) for part in parts] == [
        ("a", 40, 0, 0),
        ("c", 40, 0, 20),
    ]
    first, second = parts
    assert (first.before, first.after, first.low, first.high) == (100, 100, 0, 0)
    assert second.after == 50 and second.low is not None and second.high is not None
    assert second.low < -50 < second.high < 0


def test_nothing_is_found() -> None:
    known, found = thrown(40, 2)
    truth = Truth.of(known, [one["id"] for one in known["images"]])
    before, none = match(truth, Found.of(found)), match(truth, Found.of([Detections.empty()] * 40))
    parts = list(by_size(before, none, CLASSES, 0.25, draws(40, 20)))
    assert all(part.after == 0 and part.missed_after == part.objects for part in parts)
