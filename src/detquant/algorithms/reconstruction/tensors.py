"""Tensors of all images, kept on the disk: codes where a grid made them, half precision elsewhere.

A tensor of 8 bits takes one byte a number, and one of floats two: a power of two for each image keeps it within what
half precision holds, so it is exact to 11 bits, 3 more than an activation has. A file is mapped to memory while a unit
that reads it is learnt, so at any time only the tensors of one unit are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detquant.errors import CalibrationError, OutputError
from detquant.fake_quant.modules import FakeQuantize
from detquant.numerics.arrays import Array

LARGEST = 15
"""Exponent of the largest numbers that half precision holds."""
BYTE = 256


def aligned(array: Array) -> torch.Tensor:
    """An array as a tensor of its own, in float32, laid out as torch would lay it out.

    Kernels add up in another order where axes or memory begin elsewhere, and the same numbers then give others.
    """
    return torch.from_numpy(np.array(array, np.float32, order="C")).clone()


class Kept:
    """One tensor of all images, written in their order, then read in any.

    Args:
        file: where it is kept.
        grid: the grid that made it; None where it is of floats.
    """

    def __init__(self, file: Path, grid: FakeQuantize | None) -> None:
        self.file, self.shape, self.bytes = file, tuple[int, ...](), 0
        self._type: np.dtype[Any] = np.dtype(np.float16)
        self._grid: tuple[torch.Tensor, torch.Tensor] | None = None
        self._exponents = list[int]()
        self._map: Array | None = None
        if grid is not None:
            # Codes count from 0, so those of signed types are moved by the lowest.
            self._grid = grid.scale.clone(), (grid.zero_point - grid.quant_min).to(torch.float32)
            self._type = np.dtype(np.uint8 if grid.quant_max - grid.quant_min < BYTE else np.uint16)

    def add(self, data: torch.Tensor) -> None:
        """Writes the tensor of the next image."""
        self.shape = tuple(data.shape)
        kept = self._halves(data) if self._grid is None else self._codes(data)
        with self.file.open("ab") as file:
            kept.tofile(file)
        self.bytes += kept.nbytes

    def read(self, images: Sequence[int], places: Sequence[tuple[Any, ...]] | None = None) -> torch.Tensor:
        """Tensors of images beside each other along their first axis, in float32.

        Args:
            images: which ones.
            places: the part of each that is wanted, all of one size; None for the whole.
        """
        if self._map is None:
            self._map = np.memmap(self.file, self._type, "r", shape=(len(self._exponents), *self.shape))
        parts = [self._map[image] if places is None else self._map[image][places[k]] for k, image in enumerate(images)]
        data = torch.from_numpy(np.concatenate(parts)).to(torch.float32)  # where torch aligns it: see `aligned`
        if self._grid is not None:
            scale, zero_point = self._grid
            return (data - zero_point) * scale
        exponents = [self._exponents[image] for image in images for _ in range(self.shape[0])]
        if any(exponents):
            data *= 2.0 ** torch.tensor(exponents).reshape(-1, *[1] * (data.dim() - 1))
        return data

    def close(self) -> None:
        """Lets go of the file, which is opened again when it is read."""
        self._map = None

    def _codes(self, data: torch.Tensor) -> Array:
        assert self._grid is not None
        scale, zero_point = self._grid
        self._exponents.append(0)
        return np.asarray((torch.round(data / scale) + zero_point).numpy().astype(self._type))

    def _halves(self, data: torch.Tensor) -> Array:
        largest = float(data.abs().max()) if data.numel() else 0.0
        exponent = max(int(np.ceil(np.log2(largest))) - LARGEST, 0) if largest > 0 else 0
        self._exponents.append(exponent)
        return np.asarray((data * 2.0**-exponent).numpy().astype(self._type))


class Shelf:
    """A folder of tensors, as long as they are needed; it is gone with the ``with`` block.

    Attributes:
        bytes: how much is on it.
        most: how much has been on it at most.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="detquant-")
        self._count, self.bytes, self.most = 0, 0, 0

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def new(self, grid: FakeQuantize | None = None) -> Kept:
        """Room for one more tensor; see `Kept`."""
        self._count += 1
        return Kept(Path(self._folder.name, str(self._count)), grid)

    def put(self, kept: Kept, data: torch.Tensor, tensor: str, image: int) -> None:
        """Writes the tensor of the next image.

        Args:
            kept: where it goes.
            data: the tensor.
            tensor: its name, for messages.
            image: number of the image, from 0, for messages.

        Raises:
            CalibrationError: it is not finite.
            OutputError: the disk is full.
        """
        if not bool(torch.isfinite(data).all()):
            raise CalibrationError(
                f"Activation '{tensor}' is not finite on calibration image {image + 1} of those looked at: the model "
                f"itself overflows there; check preprocessing and weights."
            )
        before = kept.bytes
        try:
            kept.add(data)
        except OSError as error:
            raise OutputError(
                f"Tensors of the calibration images cannot be kept in {self._folder.name}, where they take "
                f"{self.bytes / 1e6:.0f} MB so far: {error.strerror or error}. Take fewer images, or name a folder "
                f"with more room in TMPDIR."
            ) from error
        self.bytes += kept.bytes - before
        self.most = max(self.most, self.bytes)

    def drop(self, kept: Kept) -> None:
        """Takes a tensor away."""
        kept.close()
        kept.file.unlink(missing_ok=True)
        self.bytes -= kept.bytes
