"""What is no file, or a file that tells more than it has: refused before it is read or decoded, and named."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Skip, image_size, iter_images, open_dataset, read_image
from detquant.data.images import MOST_PIXELS, header_size
from detquant.errors import DatasetError


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


def jpeg(height: int, width: int) -> bytes:
    return b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\0\xff\xda\0\x02\xff\xd9"


FAULTY = {
    "png of billions of pixels": (png(65500, 65500), "tells 65500 x 65500 pixels, and no more than 268435456"),
    "jpeg of billions of pixels": (jpeg(65500, 65500), "tells 65500 x 65500 pixels"),
    "bmp of billions of pixels": (b"BM" + struct.pack("<IIIIii", 26, 0, 54, 40, 70000, -70000), "70000 x 70000"),
    "gif of billions of pixels": (b"GIF89a" + struct.pack("<HH", 65500, 65500) + b"\0" * 9, "65500 x 65500"),
    "webp of billions of pixels": (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6, "16777216 x 16777216"),
    "tiff of billions of pixels": (
        b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHIIHHII", 256, 4, 1, 70000, 257, 4, 1, 70000),
        "70000 x 70000",
    ),
    "pnm of billions of pixels": (b"P6\n# big\n70000 70000\n255\n", "70000 x 70000"),
    "png of no more than an end": (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "cannot be decoded"),
    "jpeg with a short frame header": (b"\xff\xd8\xff\xc0\0\x03\x08\xff\xd9", "cannot be decoded"),
    "jpeg whose frame ends the file": (b"\xff\xd8\xff\xd9\xff\xc0\0\x0b\x08", "cannot be decoded"),
    "jpeg without a height": (jpeg(0, 8), "cannot be decoded"),
    "bmp of minus two pixels": (b"BM" + struct.pack("<IIIIii", 26, 0, 54, 40, -(2**31), 1), "2147483648 x 1"),
    "text": (b"hello", "cannot be decoded"),
    "nothing": (b"", "cannot be decoded"),
}


@pytest.mark.parametrize("what", FAULTY)
def test_faulty_images_cost_nothing(what: str, tmp_path: Path) -> None:
    content, words = FAULTY[what]
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    tracemalloc.start()
    for reader in (image_size, header_size, read_image):
        with pytest.raises(DatasetError, match=words):
            reader(path)
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


def test_the_limit_is_more_than_any_camera_has() -> None:
    assert MOST_PIXELS >= 16384 * 16384


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".gif", ".jp2", ".avif", ".ppm", ".hdr", ".ras"]
)
def test_sizes_of_every_kind_are_those_of_the_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    if not cv2.haveImageWriter(str(path)):
        pytest.skip(f"this build of OpenCV writes no {suffix}")
    cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    assert header_size(path) == image_size(path) == read_image(path).shape[:2] == (40, 60)


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_of_the_large_kind(order: str, tmp_path: Path) -> None:
    fields = [(256, 3, 6), (257, 3, 4), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 212), (278, 3, 4), (279, 4, 24)]
    entries = b"".join(
        struct.pack(order + "HHQ", tag, kind, 1) + struct.pack(order + {3: "H", 4: "I"}[kind], value).ljust(8, b"\0")
        for tag, kind, value in fields
    )
    head = (b"II+\0" if order == "<" else b"MM\0+") + struct.pack(order + "HHQQ", 8, 0, 16, len(fields))
    path = tmp_path / "a.tiff"
    path.write_bytes((head + entries).ljust(212, b"\0") + bytes(24))
    assert header_size(path) == read_image(path).shape[:2] == (4, 6)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 6), np.uint16), np.zeros((4, 6, 3), np.uint16), np.zeros((4, 6, 4), np.uint8)],
    ids=["grey of 16 bits", "colour of 16 bits", "with alpha"],
)
def test_other_depths_and_channels(pixels: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (4, 6, 3) and image.dtype == np.uint8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_file_is_left_out_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with (tmp_path / "hole.png").open("wb") as file:
        file.truncate(2 * 10**12)
    cv2.imwrite(str(tmp_path / "good.png"), np.zeros((4, 6, 3), np.uint8))
    skipped: list[Skip] = []
    dataset = open_dataset(tmp_path)
    assert [path.name for path, _ in iter_images(dataset.validation, skipped)] == ["good.png"]
    reasons = {skip.path.name: skip.reason for skip in skipped}
    assert "No such file" in reasons["gone.jpg"] and "a named pipe, not a file" in reasons["pipe.jpg"]
    assert "a device, not a file" in reasons["zero.png"] and "2 TB" in reasons["hole.png"] and len(reasons) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("name", ["data.yaml", "a.json", "labels.csv", "a.png"])
def test_data_that_is_no_file(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DatasetError, match="a named pipe, not a file"):
        dataset = open_dataset(tmp_path / name)
        list(iter_images(dataset.validation, []))


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\udcff"])
def test_names_that_no_file_has(name: str) -> None:
    with pytest.raises(DatasetError, match="does not exist") as refused:
        open_dataset(name)
    assert str(refused.value).isprintable()


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    content = cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    try:
        (tmp_path / "gr\udcf6\udcdfe.png").write_bytes(content)
    except OSError:
        pytest.skip("this file system has no such names")
    [path] = open_dataset(tmp_path).validation
    assert image_size(path) == read_image(path).shape[:2] == (4, 6)


def test_images_of_kinds_that_are_not_read(tmp_path: Path) -> None:
    for name in ("a.heic", "b.heic", "c.avif"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DatasetError, match=r"No image in .*: it has 2 \.heic, 1 \.avif, and read are \.bmp, .*convert"):
        open_dataset(tmp_path)
    cv2.imwrite(str(tmp_path / "d.png"), np.zeros((4, 6, 3), np.uint8))
    dataset = open_dataset(tmp_path)
    assert len(dataset.validation) == 1 and "left out (2 .heic, 1 .avif)" in dataset.notes[-1]
    with pytest.raises(DatasetError, match="cannot be decoded"):
        read_image(tmp_path / "a.heic")
