"""Pictures as files: their names and their bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detquant.errors import OutputError
from detquant.report.plain import plain

LONGEST = 640
"""Pixels of the longer side of a picture that a report shows."""
MOST_BYTES = 100_000
"""Bytes of such a picture, of which a report has a dozen, and must stay small enough to be sent."""
QUALITIES = (85, 70, 55, 40, 25)


def free_names(paths: Sequence[Path], folder: Path) -> dict[Path, list[str]]:
    """Names of the pictures that are made from images: their own, or one with a number where that is not free.

    Images of several folders may have one name; and no image that is read is written over.

    Args:
        paths: paths of the images that are read; one may be there several times.
        folder: where the pictures go.

    Returns:
        For each path a name for each time that it is there.
    """
    here = folder.resolve()
    read = {path.name for path in map(Path.resolve, paths) if path.parent == here}
    wanted = [path.stem + (path.suffix if cv2.haveImageWriter(plain(path.name)) else ".png") for path in paths]
    names = dict[Path, list[str]]()
    for path, name in zip(paths, distinct(wanted, read), strict=True):
        names.setdefault(path, []).append(name)
    return names


def distinct(names: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """The names, and one with a number for each that is not free: a.png, a-2.png.

    Args:
        names: names that are wanted, with or without a suffix.
        taken: names that are not to be had.
    """
    used, given = set(taken), list[str]()
    for name in names:
        free, number = name, 1
        while free in used:
            number += 1
            free = f"{Path(name).stem}-{number}{Path(name).suffix}"
        used.add(free)
        given.append(free)
    return given


def small_jpeg(image: npt.NDArray[np.uint8], longest: int = LONGEST, most_bytes: int = MOST_BYTES) -> bytes:
    """An image as a small JPEG file, of less quality where it would be larger than asked for.

    Args:
        image: uint8 [height, width, 3], BGR.
        longest: pixels of the longer side at most; smaller images stay as large as they are.
        most_bytes: bytes that the file should not exceed.
    """
    share = min(1.0, longest / max(image.shape[:2]))
    size = tuple(max(1, round(side * share)) for side in image.shape[1::-1])
    shown = image if share == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    content = b""
    for quality in QUALITIES:
        _, written = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
        content = bytes(written.tobytes())
        if len(content) <= most_bytes:
            break
    return content


def encode(image: npt.NDArray[np.uint8], name: str) -> bytes:
    """The bytes of an image file.

    Args:
        image: uint8 [height, width, 3], BGR.
        name: name of the file; its suffix tells the format.

    Raises:
        OutputError: OpenCV cannot write that format.
    """
    written, content = cv2.imencode(plain(Path(name).suffix), image)
    if not written:
        raise OutputError(f"'{name}' cannot be encoded as an image: give images of another format.")
    return bytes(content.tobytes())
