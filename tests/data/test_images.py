from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Skip, image_size, iter_images, read_image
from detquant.errors import DatasetError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def write(path: Path, options: list[int] | None = None) -> bytes:
    assert cv2.imwrite(str(path), PIXELS, options or [])
    return path.read_bytes()


def exif(orientation: int) -> bytes:
    """An APP1 segment with an orientation, and behind it what a thumbnail's end would look like."""
    tiff = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0) + b"\0" * 4 + b"\xff\xd9"
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_half_a_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    data = write(path)
    assert read_image(path).shape == (40, 60, 3)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError, match="cut short"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_trailing_bytes_do_no_harm(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(write(path) + b"\0camera maker's notes\xff\x00" * 9)
    assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize(
    "options",
    [
        [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
        [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    ],
)
def test_kinds_of_jpeg(tmp_path: Path, options: list[int]) -> None:
    path = tmp_path / "a.jpg"
    data = write(path, options)
    assert read_image(path).shape == (40, 60, 3)
    assert image_size(path) == (40, 60)
    path.write_bytes(data[:-100])
    with pytest.raises(DatasetError, match="cut short"):
        read_image(path)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 60)), (3, (40, 60)), (6, (60, 40))])
def test_orientation(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    path = tmp_path / "a.jpg"
    data = write(path)
    turned = data[:2] + exif(orientation) + data[2:]
    path.write_bytes(turned)
    assert image_size(path) == read_image(path).shape[:2] == size
    path.write_bytes(turned[: len(turned) // 2])
    with pytest.raises(DatasetError, match="cut short"):  # the thumbnail's end does not count
        read_image(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write(path)
    assert image_size(path) == (40, 60)


def test_of_several_exifs_the_one_counts_that_the_decoder_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    data = write(path)
    path.write_bytes(data[:2] + exif(1) + exif(6) + data[2:])
    assert image_size(path) == read_image(path).shape[:2] == (40, 60)
    path.write_bytes(data[:2] + exif(6) + exif(1) + data[2:])
    assert image_size(path) == read_image(path).shape[:2] == (60, 40)
    path.write_bytes(data[:2] + exif(6).replace(b"II*", b"II!") + exif(6) + data[2:])
    assert image_size(path) == read_image(path).shape[:2]


def test_grey_becomes_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), PIXELS[:, :, 0])
    assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8", b"\x89PNG"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        image_size(path)


def test_iter_images_accounts_for_the_unreadable(tmp_path: Path) -> None:
    good, bad, gone = tmp_path / "good.png", tmp_path / "bad.jpg", tmp_path / "gone.jpg"
    write(good)
    bad.write_bytes(write(bad)[:300])
    skipped: list[Skip] = []
    assert [path for path, _ in iter_images([bad, good, gone], skipped)] == [good]
    assert [skip.path for skip in skipped] == [bad, gone]
    assert "cut short" in skipped[0].reason and "gone.jpg cannot be read" in skipped[1].reason
    with pytest.raises(DatasetError, match="None of 2 images could be read"):
        list(iter_images([bad, gone], []))
    with pytest.raises(DatasetError, match="None of 0 images"):
        list(iter_images([], []))
