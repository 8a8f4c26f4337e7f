from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from augmentation import Picture  # noqa: E402
from detector_data import make_batch  # noqa: E402
from losses import loss_of_maps  # noqa: E402

from detquant.architectures.yolov8 import YOLOv8  # noqa: E402


def square(left: int, top: int, side: int, class_id: int) -> Picture:
    image = np.zeros((64, 64, 3), np.uint8)
    image[top : top + side, left : left + side, class_id] = 255
    return Picture(image, np.array([[left, top, left + side, top + side]], np.float32), np.array([class_id]))


def test_pictures_without_objects_have_a_class_loss_only() -> None:
    empty = Picture(np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    batch = make_batch([empty, empty])
    box, cls, dfl = loss_of_maps(YOLOv8("pico", 3).train()(batch.images), batch.objects)
    assert (box.item(), dfl.item()) == (0, 0)
    assert cls.item() > 0


def test_two_pictures_are_learnt() -> None:
    torch.manual_seed(0)
    model = YOLOv8("pico", 3).train()
    batch = make_batch([square(8, 8, 32, 0), square(20, 24, 24, 2)])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(30):
        total = loss_of_maps(model(batch.images), batch.objects).total()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < 0.6 * totals[0]
