"""Pictures as files: their names and their bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detquant.errors import OutputError
from detquant.report.plain import plain


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
