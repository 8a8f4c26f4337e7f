"""Arrays of many images, kept in a file: a network's tensors between two layers, in memory that does not grow."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import IO

import numpy as np
import numpy.typing as npt

from detquant.errors import OutputError
from detquant.numerics.arrays import Array


class Spilled:
    """An array of one shape for each image, written once in their order, read in any.

    The file lies where the system has its temporary ones (``TMPDIR``), without a name, and goes when it is closed.

    Args:
        shape: shape of one.
        dtype: type of the numbers.
    """

    def __init__(self, shape: Sequence[int], dtype: npt.DTypeLike) -> None:
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self._bytes = int(np.prod(self._shape)) * self._dtype.itemsize
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is

    def put(self, image: int, array: Array) -> None:
        """Writes the array of an image, named by its place.

        Raises:
            OutputError: there is no room.
        """
        try:
            self._file.seek(image * self._bytes)
            self._file.write(np.ascontiguousarray(array, self._dtype).tobytes())
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"Cannot keep tensors between layers in {tempfile.gettempdir()}: {error.strerror}. Set TMPDIR to a "
                f"folder with more room, or give the step fewer images."
            ) from error

    def at(self, image: int) -> Array:
        """The array of an image, named by its place."""
        self._file.seek(image * self._bytes)
        found = np.frombuffer(self._file.read(self._bytes), self._dtype)
        return found.reshape(self._shape)

    def close(self) -> None:
        """Gives the space back."""
        self._file.close()
