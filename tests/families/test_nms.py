from __future__ import annotations

import numpy as np
import pytest

from detquant.families.nms import class_aware_nms


def plain_nms(xyxy: np.ndarray, scores: np.ndarray, iou: float) -> list[tuple[int, int]]:
    """NMS by its definition, from the overlaps of all pairs."""
    corners = xyxy.astype(np.float64)
    size = corners[:, 2:] - corners[:, :2]
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area = size.prod(axis=1)
    overlaps = common / (area[:, None] + area[None, :] - common) > iou
    gone = np.zeros(scores.shape, bool)
    kept: list[tuple[int, int]] = []
    for cell, k in sorted(np.ndindex(scores.shape), key=lambda at: -scores[at]):
        if not gone[cell, k]:
            kept.append((int(cell), int(k)))
            gone[:, k] |= overlaps[cell]
    return kept


@pytest.mark.parametrize("limit", [1, 40, 10_000])
def test_is_exact(limit: int) -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(-30, 200, (900, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(5, 60, (900, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, (900, 3)).astype(np.float32)
    cell, class_id = class_aware_nms(xyxy, scores, confidence=-1, iou=0.5, limit=limit)
    expected = plain_nms(xyxy, scores, 0.5)[:limit]
    assert list(zip(cell.tolist(), class_id.tolist(), strict=True)) == expected


def test_looks_further_when_the_best_are_all_the_same_object() -> None:
    xyxy = np.tile(np.array([[10, 10, 50, 50]], np.float32), (3001, 1))
    xyxy[-1] += 200
    scores = np.linspace(0.9, 0.1, 3001, dtype=np.float32)[:, None]
    cell, _ = class_aware_nms(xyxy, scores, confidence=0.01, iou=0.5, limit=100)
    assert cell.tolist() == [0, 3000]


def test_leaves_out_what_is_not_finite() -> None:
    xyxy = np.array([[0, 0, np.inf, 9], [0, 0, 9, 9], [np.nan] * 4], np.float32)
    scores = np.array([[0.9], [0.5], [0.8]], np.float32)
    cell, _ = class_aware_nms(xyxy, scores, confidence=0.1, iou=0.5, limit=9)
    assert cell.tolist() == [1]


def test_nothing_above_the_threshold() -> None:
    cell, class_id = class_aware_nms(
        np.zeros((4, 4), np.float32), np.zeros((4, 2), np.float32), confidence=0.1, iou=0.5, limit=9
    )
    assert len(cell) == len(class_id) == 0
