"""Pictures as files: their names and their bytes."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detquant.errors import OutputError


def free_name(path: Path, folder: Path, taken: Container[str]) -> str:
    """A name for the picture made from `path`: its own, or one with a number where that is not free.

    Images of several folders may have one name; and the image that was read is never written over.

    Args:
        path: of the image that was read.
        folder: where the picture goes.
        taken: names of other pictures of this run.
    """
    suffix = path.suffix if cv2.haveImageWriter(path.name) else ".png"
    name, number = path.stem + suffix, 1
    while name in taken or (folder / name).resolve() == path.resolve():
        number += 1
        name = f"{path.stem}-{number}{suffix}"
    return name


def encode(image: npt.NDArray[np.uint8], name: str) -> bytes:
    """The bytes of an image file.

    Args:
        image: uint8 [height, width, 3], BGR.
        name: of the file; its suffix tells the format.

    Raises:
        OutputError: OpenCV cannot write that format.
    """
    written, content = cv2.imencode(Path(name).suffix, image)
    if not written:
        raise OutputError(f"'{name}' cannot be encoded as an image: give images of another format.")
    return bytes(content.tobytes())
