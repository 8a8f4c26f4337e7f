"""Hulls of rotated boxes, and their suppression."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detquant.families import Signature, find_family
from detquant.families.rotated import hulls, rotated_nms

RNG = np.random.default_rng(0)
BOXES = np.hstack([RNG.uniform(50, 90, (40, 2)), RNG.uniform(4, 40, (40, 2))]).astype(np.float32)
ANGLES = RNG.uniform(-np.pi / 4, 3 * np.pi / 4, 40).astype(np.float32)


def test_hulls_are_those_of_the_corners() -> None:
    for box, angle, hull in zip(BOXES, ANGLES, hulls(BOXES, ANGLES), strict=True):
        corners = cv2.boxPoints((tuple(box[:2].tolist()), tuple(box[2:].tolist()), float(np.degrees(angle))))
        np.testing.assert_allclose(hull, [*corners.min(axis=0), *corners.max(axis=0)], atol=1e-3)


def test_upright_boxes_are_their_own_hulls() -> None:
    flat = hulls(BOXES, np.zeros(40, np.float32))
    np.testing.assert_allclose(flat[:, 2:] - flat[:, :2], BOXES[:, 2:], rtol=1e-5)


def kept(boxes: np.ndarray, angle: np.ndarray, scores: np.ndarray, **more: float) -> tuple[list[int], list[int]]:
    settings = {"confidence": 0.1, "iou": 0.5, "limit": 10, **more}
    cell, label = rotated_nms(boxes.astype(np.float32), angle.astype(np.float32), scores, **settings)
    return cell.tolist(), label.tolist()


def test_ships_at_a_quay_stay_though_their_hulls_overlap() -> None:
    boxes = np.array([[50, 50, 60, 8], [58, 42, 60, 8], [50.5, 50, 60, 8]])
    turn = np.full(3, np.pi / 4)
    scores = np.array([[0.9], [0.8], [0.7]], np.float32)
    assert kept(boxes, turn, scores) == ([0, 1], [0, 0])  # the third is the first again
    a, b = hulls(boxes[:2].astype(np.float32), turn[:2].astype(np.float32))
    inner = np.prod(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    assert inner / (2 * np.prod(a[2:] - a[:2]) - inner) > 0.5


@pytest.mark.parametrize("turn", [0.0, 0.5])
def test_classes_do_not_suppress_each_other_and_the_crossed_stay(turn: float) -> None:
    boxes, angle = np.array([[50, 50, 60, 8], [50, 50, 60, 8], [50, 50, 60, 8]]), np.array([0, 0, np.pi / 2]) + turn
    scores = np.array([[0.9, 0], [0, 0.8], [0.7, 0]], np.float32)
    assert kept(boxes, angle, scores) == ([0, 1, 2], [0, 1, 0])
    assert kept(boxes, angle, scores, limit=2)[0] == [0, 1]
    assert kept(boxes, angle, scores, confidence=0.75)[0] == [0, 1]


def test_what_is_not_finite_does_not_survive() -> None:
    boxes = np.array([[50, 50, 60, 8], [np.nan, 50, 60, 8]])
    assert kept(boxes, np.array([np.nan, 0]), np.ones((2, 1), np.float32)) == ([], [])


def test_end_to_end_rows_with_an_angle() -> None:
    metadata = {"task": "obb", "names": "['a', 'b']"}
    family, reason = find_family(Signature({"images": (1, 3, 160, 160)}, {"o": (1, 40, 7)}, metadata))
    rows = np.hstack([BOXES, np.full((40, 1), 0.5), np.ones((40, 1)), ANGLES[:, None]]).astype(np.float32)
    np.testing.assert_allclose(family.boxes({"o": rows[None]}), hulls(BOXES, ANGLES), rtol=1e-5)
    assert family.scores({"o": rows[None]})[:, 1].tolist() == [0.5] * 40
    assert "upright hulls are scored" in reason
