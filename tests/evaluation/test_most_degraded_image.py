from __future__ import annotations

import numpy as np
import pytest

from detquant.evaluation.most_degraded_image import SEVERAL, known_objects, mistakes, most_degraded_image, score
from detquant.families import Detections


def objects(*classes: int) -> Detections:
    """One box for each class, side by side."""
    left = 20.0 * np.arange(len(classes))
    boxes = np.stack([left, np.zeros_like(left), left + 10, np.full_like(left, 10)], axis=1)
    return Detections(boxes, np.full(len(classes), 0.9), np.array(classes))


FIVE, SOME = objects(0, 1, 2, 3, 4), objects(0, 1)


def test_the_reference_is_right_and_the_candidate_loses_most():
    truth = [FIVE, FIVE, FIVE, FIVE]
    reference = [FIVE, SOME, FIVE, FIVE]
    candidate = [FIVE, objects(), SOME, objects(0)]
    assert most_degraded_image(truth, reference, candidate) == 3


def test_the_first_of_equals():
    assert most_degraded_image([FIVE] * 3, [FIVE] * 3, [SOME] * 3) == 0


def test_images_of_few_objects_count_only_where_there_are_no_others():
    few = objects(*range(SEVERAL - 1))
    assert most_degraded_image([few, FIVE], [few, SOME], [objects(), SOME]) == 1
    assert most_degraded_image([few, few], [few, few], [few, SOME]) == 1


def test_boxes_that_are_no_object_are_mistakes():
    assert mistakes(score(SOME, SOME)) == 0
    assert mistakes(score(SOME, objects())) == 2
    assert mistakes(score(SOME, objects(0, 7))) == 2  # one missed, one wrong
    assert mistakes(score(SOME, FIVE)) == 3


def test_known_objects_are_in_the_order_of_the_images():
    box = {"bbox": [1.0, 2.0, 10.0, 20.0], "iscrowd": 0}
    truth = {
        "images": [{"id": 9}, {"id": 4}, {"id": 5}],
        "annotations": [{"image_id": 5, "category_id": 3, **box}, {"image_id": 9, "category_id": 1, **box}],
    }
    found = known_objects(truth)
    assert [one.class_id.tolist() for one in found] == [[1], [], [3]]
    assert found[0].xyxy.tolist() == [[1, 2, 11, 22]]
    assert found[0].confidence == pytest.approx(1)
