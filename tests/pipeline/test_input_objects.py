"""Labelled objects in pixels of the network's input: mapped as the image is, and each image looked at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from detquant.data.objects import CalibrationObjects, Objects
from detquant.families.yolov8 import YOLOv8
from detquant.pipeline import input_objects
from detquant.pipeline.input_objects import InputObjects

WIDE, EMPTY, UNKNOWN = (Path(name) for name in ("wide.png", "empty.png", "unknown.png"))


def test_boxes_are_placed_as_the_letterbox_places_the_image(monkeypatch):
    """200 x 100 into 64 x 64: a scale of 0.32, 16 rows above."""
    read = []

    def image(path):
        read.append(path)
        return np.zeros((100, 200, 3), np.uint8)

    monkeypatch.setattr(input_objects, "read_image", image)
    told = {WIDE: Objects.of([[50, 25, 100, 75], [-20, 0, 100, 130]], [3, 1]), EMPTY: Objects.of([], [])}
    known = CalibrationObjects(read=lambda paths: {path: told[path] for path in paths if path in told}, where="here")
    family = SimpleNamespace(preprocess=lambda pixels: YOLOv8.form(pixels, 64, 64))
    objects = InputObjects(family=family, known=known, paths=[UNKNOWN, WIDE, EMPTY])
    wide, unknown, empty = objects([1, 0, 2])
    assert np.allclose(wide.xyxy, [[16, 24, 32, 40], [0, 16, 32, 48]]) and wide.class_id.tolist() == [3, 1]
    assert unknown is None and len(empty.class_id) == 0
    assert objects([1])[0] is wide and read == [WIDE]
