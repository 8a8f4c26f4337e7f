"""YOLOv8's loss: by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.finetune.detection.assignment import Objects  # noqa: E402
from detquant.algorithms.finetune.detection.loss import (  # noqa: E402
    Predictions,
    boxes_of,
    detection_loss,
    distribution_focal_loss,
)

SURE = 50.0
"""A logit of probability 1."""


def test_distribution_focal_loss_is_least_where_the_two_bins_share() -> None:
    bins = torch.full((2, 16), -20.0)
    bins[:, 3], bins[:, 4] = np.log(0.75), np.log(0.25)
    at_truth, beside = distribution_focal_loss(bins, torch.tensor([3.25, 3.75])).tolist()
    assert at_truth == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), abs=1e-5)
    assert beside > at_truth


def test_distances_beyond_the_bins_are_cut() -> None:
    assert distribution_focal_loss(torch.zeros(2, 16), torch.tensor([-3.0, 99.0])).isfinite().all()


def one_cell(logit: float, distances: list[int]) -> Predictions:
    """One cell of stride 8 around (4, 4) that tells one class, and distances without doubt."""
    bins = torch.nn.functional.one_hot(torch.tensor([[distances]]), 6) * SURE
    centre, stride = torch.tensor([[0.5, 0.5]]), torch.tensor([[8.0]])
    return Predictions(torch.tensor([[[logit]]]), bins.float(), centre, stride)


def objects(*boxes: list[float]) -> Objects:
    count = len(boxes)
    there = torch.ones(1, count, dtype=torch.bool)
    return Objects(torch.tensor([boxes]).float().reshape(1, count, 4), torch.zeros(1, count, dtype=torch.int64), there)


def test_one_cell_by_hand() -> None:
    """The box is twice as wide as the object: IoU 1/2, the middles 8 apart, 32 x 16 around both, other shapes."""
    said = one_cell(0.0, [2, 1, 2, 1])
    assert (boxes_of(said) * 8).tolist() == [[[-12, -4, 20, 12]]]
    box, cls, dfl = detection_loss(said, objects([-4, -4, 12, 12])).__iter__()
    v = 4 / math.pi**2 * (math.atan(1) - math.atan(2)) ** 2
    ciou = 0.5 - v * v / (v + 0.5)
    # the one cell's target is its overlap, which is less than an object's share
    assert box.item() == pytest.approx(7.5 * (1 - ciou) * ciou, rel=1e-4)
    assert cls.item() == pytest.approx(0.5 * math.log(2), rel=1e-4)
    assert dfl.item() == pytest.approx(1.5 * (SURE + SURE + 0 + 0) / 4 * ciou, rel=1e-4)


def test_what_is_right_costs_nothing_and_of_no_objects_only_what_is_seen() -> None:
    right = detection_loss(one_cell(SURE, [1, 1, 1, 1]), objects([-4, -4, 12, 12]))
    assert right.total().item() == pytest.approx(0.0, abs=1e-3)
    box, cls, dfl = detection_loss(one_cell(1.0, [1, 1, 1, 1]), objects())
    assert (box.item(), dfl.item()) == (0, 0)
    assert cls.item() == pytest.approx(0.5 * math.log(1 + math.e), rel=1e-4)
