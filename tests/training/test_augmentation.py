from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from augmentation import Picture, augment, mirror, tile, window


@pytest.fixture
def picture() -> Picture:
    """A white square on black."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:24, 4:28] = 255
    return Picture(image, np.array([[4, 8, 28, 24]], np.float32), np.array([3]))


def test_boxes_follow_the_mirror(picture: Picture) -> None:
    mirrored = mirror(picture)
    assert mirrored.boxes.tolist() == [[36, 8, 60, 24]]
    assert (mirrored.image[8:24, 36:60] == 255).all()
    assert mirrored.image.sum() == picture.image.sum()


def test_boxes_follow_the_window(picture: Picture) -> None:
    moved = window(picture, np.array([16.0, 16.0]), 2.0, 64)
    assert moved.boxes.tolist() == [[8, 16, 56, 48]]
    assert (moved.image[20:44, 12:52] == 255).all()


def test_what_is_cut_down_too_far_is_no_longer_asked_for(picture: Picture) -> None:
    assert len(window(picture, np.array([55.0, 32.0]), 1.0, 64).boxes) == 0


def test_four_are_put_together(picture: Picture) -> None:
    four = tile([picture] * 4)
    assert four.image.shape == (128, 128, 3)
    assert four.boxes[:, :2].tolist() == [[4, 8], [68, 8], [4, 72], [68, 72]]


@pytest.mark.parametrize("count", [1, 4])
def test_shapes_stay_and_boxes_are_inside(picture: Picture, count: int) -> None:
    for seed in range(20):
        made = augment([picture] * count, np.random.default_rng(seed))
        assert made.image.shape == (64, 64, 3)
        assert made.image.dtype == np.uint8
        assert ((made.boxes >= 0) & (made.boxes <= 64)).all()
        assert len(made.boxes) == len(made.class_id)
