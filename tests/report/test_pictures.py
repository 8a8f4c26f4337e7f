from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.report.pictures import distinct, encode, free_names, small_jpeg


def names(folder, *paths):
    found = free_names([Path(path) for path in paths], folder)
    return [found[Path(path)].pop(0) for path in paths]


def test_names_do_not_collide(tmp_path):
    assert names(tmp_path, "a/cat.png", "b/cat.png", "b/cat-2.png") == ["cat.png", "cat-2.png", "cat-2-2.png"]
    assert names(tmp_path, "a/cat.png", "a/cat.png") == ["cat.png", "cat-2.png"]


def test_no_image_that_is_read_is_written_over(tmp_path):
    assert names(tmp_path, tmp_path / "cat.png") == ["cat-2.png"]
    assert names(tmp_path, "b/cat.png", tmp_path / "cat.png") == ["cat-2.png", "cat-3.png"]


def test_what_cannot_be_written_becomes_png(tmp_path):
    assert names(tmp_path, "photo", "photo.heic") == ["photo.png", "photo-2.png"]


def test_a_name_that_is_no_text(tmp_path):
    assert names(tmp_path, os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"x.\xff")) == ["caf\udce9.png", "x.png"]


def test_distinct_names():
    assert distinct(["a", "a", "b.x", "b.x"], {"b.x"}) == ["a", "a-2", "b-2.x", "b-3.x"]


def test_encoded_pixels_come_back():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    content = np.frombuffer(encode(image, "a.png"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(content, cv2.IMREAD_COLOR), image)


def test_a_small_picture_has_the_whole_image_in_few_bytes():
    rng = np.random.default_rng(0)
    for size in ((1500, 2000), (2000, 100), (30, 40), (1, 3000)):
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        content = small_jpeg(image)
        shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert max(shown.shape) <= 640 and content == small_jpeg(image)
        assert shown.shape[:2] == size or max(shown.shape) == 640
        assert shown.shape[0] / shown.shape[1] == pytest.approx(size[0] / size[1], rel=0.05) or min(size) == 1
    noise = small_jpeg(rng.integers(0, 256, (640, 640, 3), np.uint8))
    plain = small_jpeg(np.full((640, 640, 3), 90, np.uint8))
    assert len(plain) < 10_000 < len(noise) < 200_000
