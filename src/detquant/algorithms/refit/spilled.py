"""Arrays of many images, kept in a file: a network's tensors between two layers, in memory that does not grow."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Array

MOST_BUFFERED = 1 << 20


class Spilled:
    """An array of one shape for each image, written once in their order, read in any.

    Args:
        shape: shape of one.
        dtype: type of the numbers.
    """

    def __init__(self, shape: Sequence[int], dtype: npt.DTypeLike) -> None:
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self._bytes = int(np.prod(self._shape)) * self._dtype.itemsize
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=MOST_BUFFERED)  # noqa: SIM115

    def put(self, image: int, array: Array) -> None:
        """Writes the array of an image, named by its place."""
        self._file.seek(image * self._bytes)
        self._file.write(np.ascontiguousarray(array, self._dtype).data)

    def at(self, image: int) -> Array:
        """The array of an image, named by its place."""
        self._file.seek(image * self._bytes)
        found = np.empty(self._shape, self._dtype)
        self._file.readinto(found.data.cast("B") if found.ndim else found.data)  # type: ignore[attr-defined]
        return found

    def close(self) -> None:
        """Gives the space back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
