"""Finding and reading image files, and noticing those that are cut short.

OpenCV decodes the first half of a JPEG and leaves the rest grey without a word, which would look like lost
accuracy; so the end of a file is looked for before its pixels are read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data._base import Skip
from detquant.data.scenes import PAINT, is_scene, read_scene
from detquant.errors import DatasetError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# In coded data FF 00 is a plain FF, and FF D0 to FF D7 are restarts; any other FF xx is the next marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def find_images(folder: Path) -> list[Path]:
    """All image files in a folder and below, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Reads an image, turned upright if its EXIF says so, or makes the scene that the path names.

    Args:
        path: of the file, or of a scene.

    Returns:
        uint8 [height, width, 3], BGR.

    Raises:
        DatasetError: the file is missing, not an image, or cut short.
    """
    if is_scene(path):
        return read_scene(path)
    data = _read(path)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise DatasetError(f"{path} cannot be decoded as an image: replace or remove it.")
    return np.asarray(image, np.uint8)


def fingerprint(path: Path) -> str:
    """Text that changes when the image does: of a file its place, size and time; of a scene what it is made from.

    Raises:
        OSError: the file is not there.
    """
    if is_scene(path):
        return f"{path}\0{PAINT}"
    stat = path.stat()
    return f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as `read_image` gives it, from the header alone where that is possible.

    Raises:
        DatasetError: the file is missing, not an image, or cut short.
    """
    data = _read(path)
    if data.startswith(b"\x89PNG") and b"eXIf" not in data:
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
        if size is not None:
            return size
    height, width = read_image(path).shape[:2]
    return height, width


def iter_images(paths: Iterable[Path], skipped: list[Skip]) -> Iterator[tuple[Path, npt.NDArray[np.uint8]]]:
    """Reads images one after the other, leaving out those that cannot be read.

    Args:
        paths: of the files.
        skipped: a Skip is appended for each one left out.

    Yields:
        Path, and uint8 [height, width, 3], BGR.

    Raises:
        DatasetError: not one image could be read.
    """
    seen = read = 0
    first = ""
    for path in paths:
        seen += 1
        try:
            image = read_image(path)
        except DatasetError as error:
            first = first or str(error)
            skipped.append(Skip(path, str(error).rstrip(".")))
            continue
        read += 1
        yield path, image
    if not read:
        raise DatasetError(f"None of {seen} images could be read. {first or 'The list is empty.'}")


def _read(path: Path) -> bytes:
    """The bytes of a file that is there and whole."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error
    for magic, is_whole in _FORMATS:
        if data.startswith(magic) and not is_whole(data):
            raise DatasetError(
                f"{path} is cut short ({len(data)} bytes, its end is missing): copy it again or remove it."
            )
    return data


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker of a JPEG up to its end: the code, and where its segment begins.

    Segments are stepped over by their length, so an end marker inside an embedded thumbnail does not count.
    """
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        code, at = found[1][0], found.end()
        yield code, at
        if code == _EOI:
            return
        if code != _SOI and code != 0x01:
            at += int.from_bytes(data[at : at + 2], "big")


def _jpeg_is_whole(data: bytes) -> bool:
    return any(code == _EOI for code, _ in _jpeg_markers(data))


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width once upright, or None if the header does not tell."""
    turned = False
    for code, at in _jpeg_markers(data):
        if code == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0":
            turned = _exif_orientation(data[at + 8 :]) >= 5
        elif code in _SOF:
            height, width = struct.unpack(">HH", data[at + 3 : at + 7])
            if height == 0:
                return None
            return (width, height) if turned else (height, width)
        elif code == _SOS:
            return None
    return None


def _exif_orientation(tiff: bytes) -> int:
    """EXIF orientation, 1 to 8 (5 and more are quarter turns); 1 where there is none."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack(order + "I", tiff[4:8])
        (count,) = struct.unpack(order + "H", tiff[start : start + 2])
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack(order + "HHIH", tiff[entry : entry + 10])
            if tag == 0x0112:
                return int(value) if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1


def _png_is_whole(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _bmp_is_whole(data: bytes) -> bool:
    return len(data) >= int.from_bytes(data[2:6], "little")


def _riff_is_whole(data: bytes) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


_FORMATS: tuple[tuple[bytes, Callable[[bytes], bool]], ...] = (
    (b"\xff\xd8", _jpeg_is_whole),
    (b"\x89PNG", _png_is_whole),
    (b"BM", _bmp_is_whole),
    (b"RIFF", _riff_is_whole),
)
