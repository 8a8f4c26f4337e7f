from __future__ import annotations

import numpy as np

from detquant.families import Detections
from detquant.report.drawing import class_colour, draw


def test_draws_boxes_and_leaves_the_image_alone() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    boxes = np.array([[50, 60, 150, 160], [0, 0, 320, 240]], np.float32)
    canvas = draw(image, Detections(boxes, np.array([0.9, 0.5]), np.array([0, 1])), ("cat", "dog"))
    assert not image.any()
    assert canvas.shape == image.shape and canvas.dtype == np.uint8
    np.testing.assert_allclose(canvas[120, 50], class_colour(0), atol=2)
    assert canvas[2:14, 2:30].any()  # the label of a box at the border is moved inside


def test_nothing_to_draw() -> None:
    image = np.full((9, 9, 3), 7, np.uint8)
    assert (draw(image, Detections.empty(), ()) == image).all()


def test_colours_differ() -> None:
    assert len({class_colour(index) for index in range(80)}) == 80
