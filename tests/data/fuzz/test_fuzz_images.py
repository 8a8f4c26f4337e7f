"""Whatever the bytes of an image: pixels of the size that was told before, or a sentence."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated

from detquant.data import image_size, images, read_image
from detquant.data.images import header_size

PIXELS = np.random.default_rng(0).integers(0, 256, (33, 40, 3), np.uint8)
EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
FEW = 1 << 18
"""Pixels that are decoded here, so that a size which is not held against the limit takes too much memory."""


def encoded(suffix: str) -> bytes:
    if not cv2.haveImageWriter(f"a{suffix}"):
        pytest.skip(f"this build of OpenCV writes no {suffix}")
    return cv2.imencode(suffix, PIXELS)[1].tobytes()


def with_exif(jpeg: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + (len(EXIF) + 2).to_bytes(2, "big") + EXIF + jpeg[2:]


@pytest.mark.parametrize(
    "suffix",
    [".jpg", ".exif.jpg", ".png", ".bmp", ".webp", ".tiff", ".gif", ".jp2", ".avif", ".ppm", ".hdr", ".ras", ".pam"],
)
@given(draw=st.data())
def test_images(suffix: str, draw: st.DataObject, tmp_path: Path) -> None:
    sound = with_exif(encoded(".jpg")) if "exif" in suffix else encoded(suffix)
    content = draw.draw(mutated(sound, most=4))
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with mock.patch.object(images, "MOST_PIXELS", FEW):
        sizes = [read(lambda one=one: one(path), len(content)) for one in (header_size, image_size)]
        pixels = read(lambda: read_image(path), len(content))
    told = [size for size in sizes if isinstance(size, tuple)]
    assert all(height * width <= FEW for height, width in told)
    if isinstance(pixels, np.ndarray):
        assert {pixels.shape[:2], *told} == {pixels.shape[:2]}
