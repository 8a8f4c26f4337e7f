from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from augmentation import Picture  # noqa: E402
from detector_data import make_batch  # noqa: E402
from losses import detection_loss, distribution_focal_loss  # noqa: E402

from detquant.architectures.yolov8 import YOLOv8  # noqa: E402


def square(left: int, top: int, side: int, class_id: int) -> Picture:
    image = np.zeros((64, 64, 3), np.uint8)
    image[top : top + side, left : left + side, class_id] = 255
    return Picture(image, np.array([[left, top, left + side, top + side]], np.float32), np.array([class_id]))


def test_distribution_focal_loss_is_least_where_the_two_bins_share() -> None:
    bins = torch.full((2, 16), -20.0)
    bins[:, 3], bins[:, 4] = np.log(0.75), np.log(0.25)
    at_truth, beside = distribution_focal_loss(bins, torch.tensor([3.25, 3.75])).tolist()
    assert at_truth == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), abs=1e-5)
    assert beside > at_truth


def test_distances_beyond_the_bins_are_cut() -> None:
    assert distribution_focal_loss(torch.zeros(2, 16), torch.tensor([-3.0, 99.0])).isfinite().all()


def test_pictures_without_objects_have_a_class_loss_only() -> None:
    empty = Picture(np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    batch = make_batch([empty, empty])
    box, cls, dfl = detection_loss(YOLOv8("pico", 3).train()(batch.images), batch.objects)
    assert (box.item(), dfl.item()) == (0, 0)
    assert cls.item() > 0


def test_two_pictures_are_learnt() -> None:
    torch.manual_seed(0)
    model = YOLOv8("pico", 3).train()
    batch = make_batch([square(8, 8, 32, 0), square(20, 24, 24, 2)])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(30):
        total = detection_loss(model(batch.images), batch.objects).total()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < 0.6 * totals[0]
