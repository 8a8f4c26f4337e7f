from __future__ import annotations

import numpy as np
from thrown_detections import rows

from detquant.evaluation.found import Found
from detquant.evaluation.matching import IOUS, match
from detquant.evaluation.truth import Truth

SIZE = {"width": 100, "height": 100}


def known(*boxes: tuple[float, float, float, float, int, int]) -> dict[str, object]:
    """Left, top, width, height, class, crowd."""
    return {
        "images": [{"id": 7, **SIZE}],
        "annotations": [
            {"image_id": 7, "bbox": list(box[:4]), "category_id": box[4], "area": box[2] * box[3], "iscrowd": box[5]}
            for box in boxes
        ],
        "categories": [{"id": index, "name": str(index)} for index in range(3)],
    }


def test_the_most_confident_chooses_first() -> None:
    truth = Truth.of(known((0, 0, 20, 20, 1, 0)), [7])
    found = rows((0, 0, 20, 18, 0.9, 1), (0, 0, 20, 20, 0.8, 1), (0, 0, 20, 20, 0.95, 2))
    matches = match(truth, Found.of([found]))
    assert matches.confidence.tolist() == np.float32([0.95, 0.9, 0.8]).tolist()
    assert matches.right().tolist() == [False, True, False]
    tight = int(np.flatnonzero(IOUS > 0.92)[0])
    assert matches.right(overlap=tight).tolist() == [False, False, True]


def test_a_crowd_is_ignored_however_often_it_is_found() -> None:
    truth = Truth.of(known((0, 0, 50, 50, 0, 1), (60, 60, 20, 20, 0, 0)), [7])
    found = rows((5, 5, 15, 15, 0.9, 0), (20, 20, 30, 30, 0.8, 0), (60, 60, 80, 80, 0.7, 0), (60, 0, 80, 20, 0.6, 0))
    matches = match(truth, Found.of([found]))
    assert matches.counted().tolist() == [False, False, True, True]
    assert matches.right().tolist() == [False, False, True, False]
    assert matches.asked().tolist() == [False, True]


def test_objects_of_another_size_are_ignored() -> None:
    truth = Truth.of(known((0, 0, 10, 10, 0, 0), (40, 40, 50, 50, 0, 0)), [7])
    found = rows((0, 0, 10, 10, 0.9, 0), (40, 40, 90, 90, 0.8, 0), (50, 0, 60, 10, 0.7, 0))
    small, medium = (
        (one.right(area).tolist(), one.counted(area).tolist())
        for one, area in ((match(truth, Found.of([found])), area) for area in (1, 2))
    )
    assert small == ([True, False, False], [True, False, True])
    assert medium == ([False, True, False], [False, True, False])


def test_boxes_are_clipped_to_the_image_where_it_is_known() -> None:
    truth = Truth.of(known((0, 0, 100, 100, 0, 0)), [7])
    assert match(truth, Found.of([rows((-80, -80, 180, 180, 0.9, 0))])).right(overlap=9).all()


def test_what_stands_for_objects_is_found_by_whoever_gave_it() -> None:
    found = Found.of([rows((0, 0, 9, 9, 0.9, 0), (20, 20, 29, 29, 0.3, 1), (50, 50, 59, 59, 0.1, 0))])
    matches = match(Truth.supposed(found, 0.25), found)
    assert matches.right(overlap=9).tolist() == [True, True, False]
