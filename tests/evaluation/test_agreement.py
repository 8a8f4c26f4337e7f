from __future__ import annotations

import numpy as np
import pytest

from detquant.evaluation.agreement import agreement, box_iou
from detquant.families import Detections


def found(*rows: tuple[float, ...]) -> Detections:
    """Rows of x1, y1, x2, y2, confidence, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5])


ONE = found((0, 0, 10, 10, 0.9, 1), (50, 50, 60, 60, 0.8, 2), (0, 0, 9, 9, 0.1, 1))


def test_with_itself() -> None:
    result = agreement([ONE, Detections.empty()], [ONE, Detections.empty()])
    assert (result.f1, result.mean_iou, result.matches, result.images) == (1, 1, 2, 2)
    assert (result.reference_boxes, result.candidate_boxes) == (2, 2)


def test_class_overlap_and_use_once() -> None:
    other = found((0, 0, 10, 8, 0.9, 1), (0, 0, 10, 9, 0.8, 1), (50, 50, 60, 60, 0.8, 3))
    result = agreement([ONE], [other])
    assert result.matches == 1
    assert result.mean_iou == pytest.approx(0.8)
    assert result.f1 == pytest.approx(2 / 5)


def test_nothing_and_something() -> None:
    assert agreement([Detections.empty()], [Detections.empty()]).f1 == 1
    assert agreement([ONE], [Detections.empty()]).f1 == 0
    assert agreement([Detections.empty()], [ONE]).f1 == 0
    with pytest.raises(ValueError):
        agreement([ONE], [])


def test_iou_of_boxes_without_area() -> None:
    flat = np.array([[5, 5, 5, 5]], np.float32)
    assert box_iou(flat, flat).tolist() == [[0]]
