"""A few images, looked at again and again: kept in memory as far as that is little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detquant.data import Skip, iter_images

KEPT_BYTES = 256_000_000

Picture = tuple[Path, npt.NDArray[np.uint8]]


class Pictures:
    """Images that can be read, in order.

    Args:
        paths: paths of the images.
        count: how many of those that can be read are wanted.
    """

    def __init__(self, paths: Sequence[Path], count: int) -> None:
        self.kept: dict[Path, npt.NDArray[np.uint8]] = {}
        self.shapes: dict[Path, tuple[int, int]] = {}
        size = 0
        for path, image in iter_images(tuple(paths), list[Skip]()):
            self.shapes[path] = image.shape[0], image.shape[1]
            size += image.nbytes
            if size <= KEPT_BYTES:
                self.kept[path] = image
            if len(self.shapes) == count:
                break

    def __len__(self) -> int:
        return len(self.shapes)

    def __iter__(self) -> Iterator[Picture]:
        yield from self.kept.items()
        others = tuple(path for path in self.shapes if path not in self.kept)
        if others:
            yield from iter_images(others, list[Skip]())
