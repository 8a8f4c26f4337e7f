"""Finding and reading image files, and noticing those that are cut short.

OpenCV decodes the first half of a JPEG and leaves the rest grey without a word, which would look like lost
accuracy; so the end of a file is looked for before its pixels are read. How many pixels there are is asked for
before, too: a header may tell billions.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detquant.data._base import Skip
from detquant.data.image_headers import Size, jpeg_orientation, kind_of
from detquant.data.scenes import PAINT, is_scene, read_scene
from detquant.errors import DatasetError
from detquant.untrusted import read_bytes, read_start

SUFFIXES = frozenset({".bmp", ".jpe", ".jpeg", ".jfif", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
UNREAD = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".pbm", ".pfm", ".pgm"}
    | {".ppm", ".psd", ".raf", ".svg", ".tga"}
)
"""Suffixes of images that are not looked for; what a list names is decoded whatever its suffix."""

MOST_PIXELS = 1 << 28
"""Most pixels of one image, 16384 x 16384: 0.8 GB once decoded."""

LARGEST_FILE = 1 << 30
_HEADER = 1 << 16  # bytes; cameras put a preview before the size


def find_images(folder: Path) -> list[Path]:
    """All image files in a folder and below, sorted; also such as will not open, so that they are not lost unnamed."""
    found = [
        Path(where, name)
        for where, folders, names in os.walk(folder)
        for name in (*names, *(one for one in folders if os.path.islink(os.path.join(where, one))))
        if Path(name).suffix.lower() in SUFFIXES
    ]
    return sorted(path for path in found if not os.path.isdir(path))


def no_images(folder: Path) -> str:
    """A clause to stand behind "no image": the suffixes found in the folder, and those that are read."""
    suffixes = Counter(
        Path(name).suffix.lower() or "no suffix" for _, _, names in os.walk(folder) for name in names if name[0] != "."
    )
    if not suffixes:
        return "it has no files"
    found = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
    more = f" and files of {len(suffixes) - 5} more kinds" if len(suffixes) > 5 else ""
    return f"it has {found}{more}, and read are {', '.join(sorted(SUFFIXES))}: convert the images"


def unread(folders: Iterable[Path]) -> tuple[str, ...]:
    """A sentence on images of kinds that are not read, if there are any in these folders."""
    suffixes = Counter(
        suffix
        for folder in folders
        for _, _, names in os.walk(folder)
        for name in names
        if (suffix := Path(name).suffix.lower()) in UNREAD
    )
    if not suffixes:
        return ()
    found = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common())
    return (f"Images of kinds that are not read were left out ({found}): convert them to .jpg or .png.",)


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Reads an image, turned upright if its EXIF says so, or makes the scene that the path names.

    Args:
        path: path of the file, or of a scene.

    Returns:
        uint8 [height, width, 3], BGR.

    Raises:
        DatasetError: the file is missing, not an image, cut short, or has more than `MOST_PIXELS`.
    """
    if is_scene(path):
        return read_scene(path)
    return _decoded(path, _read(path))


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
        DatasetError: the file is missing, not an image, cut short, or has more than `MOST_PIXELS`.
    """
    data = _read(path)
    height, width = _upright_size(path, data) or _decoded(path, data).shape[:2]
    return height, width


def header_size(path: Path) -> tuple[int, int]:
    """Height and width as `image_size` gives them, from the start of the file where that tells; its end may be missing.

    Raises:
        DatasetError: the image cannot be read, as for `image_size`.
    """
    try:
        start = read_start(path, LARGEST_FILE, _HEADER)
    except OSError as error:
        raise _unreadable(path, error) from error
    kind = kind_of(start)
    if kind is None or kind.size(start) is None:
        return image_size(path)
    return _upright_size(path, start) or image_size(path)


def orientation(path: Path) -> int:
    """How the camera was held, 1 to 8 as EXIF has it; 1 where the file does not tell, or tells several ways."""
    try:
        start = read_start(path, LARGEST_FILE, _HEADER)
    except OSError:
        return 1
    return jpeg_orientation(start) or 1 if start.startswith(b"\xff\xd8") else 1


def iter_images(paths: Iterable[Path], skipped: list[Skip]) -> Iterator[tuple[Path, npt.NDArray[np.uint8]]]:
    """Reads images one after the other, leaving out those that cannot be read.

    Args:
        paths: paths of the files.
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
        data = read_bytes(path, LARGEST_FILE)
    except OSError as error:
        raise _unreadable(path, error) from error
    kind = kind_of(data)
    if kind and kind.is_whole and not kind.is_whole(data):
        raise DatasetError(f"{path} is cut short ({len(data)} bytes, its end is missing): copy it again or remove it.")
    return data


def _unreadable(path: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{path} cannot be read: {error.strerror or error}.")


def _stored_size(path: Path, data: bytes) -> Size:
    """The size that the header tells, if an image of it is read at all."""
    kind = kind_of(data)
    size = kind.size(data) if kind else None
    if size is None:
        raise DatasetError(f"{path} cannot be decoded as an image: replace or remove it.")
    height, width = size
    if height * width > MOST_PIXELS:
        raise DatasetError(
            f"{path} tells {width} x {height} pixels, and no more than {MOST_PIXELS} are read: make it smaller, or "
            f"remove it."
        )
    return size


def _upright_size(path: Path, data: bytes) -> Size | None:
    """The size that the header tells, turned as the image will be; None where only decoding tells."""
    height, width = _stored_size(path, data)
    kind = kind_of(data)
    turned = kind.turned(data) if kind else None
    return None if turned is None else (width, height) if turned else (height, width)


def _decoded(path: Path, data: bytes) -> npt.NDArray[np.uint8]:
    _stored_size(path, data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):
        image = None
    if image is None or image.ndim != 3:
        raise DatasetError(f"{path} cannot be decoded as an image: replace or remove it.")
    return np.asarray(image, np.uint8)
