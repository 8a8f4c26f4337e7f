from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from detquant.report.pictures import encode, free_name


def test_names_do_not_collide_and_the_source_is_not_overwritten(tmp_path):
    assert free_name(Path("a/cat.png"), tmp_path, ()) == "cat.png"
    assert free_name(Path("b/cat.png"), tmp_path, {"cat.png", "cat-2.png"}) == "cat-3.png"
    assert free_name(tmp_path / "cat.png", tmp_path, ()) == "cat-2.png"


def test_what_cannot_be_written_becomes_png(tmp_path):
    assert free_name(Path("photo"), tmp_path, ()) == "photo.png"
    assert free_name(Path("photo.heic"), tmp_path, ()) == "photo.png"


def test_encoded_pixels_come_back():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    content = np.frombuffer(encode(image, "a.png"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(content, cv2.IMREAD_COLOR), image)
