"""Feeds as an open model takes them, and its results as the families read them.

The house has images as float32 [1, channels, height, width]. A file may want whole numbers, half precision or its
channels last, and its runtime refuses all else:

1. a map whose channels the file has last is turned;
2. for whole numbers, values are rounded and held within the type: pixels of 0 to 255 are exact in 8 bits;
3. other precisions are what numpy makes of float32.

Results in half or double precision become float32; whole numbers stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.running import Optimisation, OrtRunner
from detquant.numerics.arrays import Array
from detquant.numerics.rounding import half_even

_TO_LAST = (0, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """The array that an open model takes at one input.

    Attributes:
        dtype: element type of the array.
        shape: dimensions of the array; one that is no number is free.
    """

    dtype: np.dtype[Any]
    shape: Sequence[object]


def fit(feeds: Mapping[str, Array], taken: Mapping[str, Taken]) -> dict[str, Array]:
    """Arrays by name as they are taken; one of which nothing is known stays as it is."""
    return {name: _fitted(array, taken[name]) if name in taken else array for name, array in feeds.items()}


def _fitted(array: Array, taken: Taken) -> Array:
    if array.ndim == len(taken.shape) == 4:
        channels = array.shape[1]
        if taken.shape[3] == channels and taken.shape[1] != channels:  # case 1
            array = np.ascontiguousarray(array.transpose(_TO_LAST))
    if array.dtype == taken.dtype:
        return array
    if np.issubdtype(taken.dtype, np.integer) and np.issubdtype(array.dtype, np.floating):  # case 2
        limits = np.iinfo(taken.dtype)
        array = np.clip(half_even(array), limits.min, limits.max)
    return array.astype(taken.dtype)  # case 3


def in_float(results: Mapping[str, npt.NDArray[Any]]) -> dict[str, Array]:
    """Results with their floating point numbers in float32."""
    return {name: _in_float(array) for name, array in results.items()}


def _in_float(array: npt.NDArray[Any]) -> Array:
    wide = array.dtype.kind == "f" and array.dtype != np.float32
    return array.astype(np.float32) if wide or array.dtype.name == "bfloat16" else array


class FittingRunner(OrtRunner):
    """A model in ONNX Runtime that takes feeds as the house has them, whatever its file says."""

    def __init__(
        self,
        model: ir.Model | bytes,
        threads: int = 1,
        *,
        optimisation: Optimisation = "all",
        profile: Path | None = None,
    ) -> None:
        super().__init__(model, threads, optimisation=optimisation, profile=profile)
        kinds = {one.name: (_NUMPY.get(one.type), one.shape) for one in self._session.get_inputs()}
        self._taken = {name: Taken(dtype, shape) for name, (dtype, shape) in kinds.items() if dtype is not None}

    def fit(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The feeds as the file takes them; `run` would do it too."""
        return fit(feeds, self._taken)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the model once on feeds of float32 with channels first; see `OrtRunner.run`."""
        return in_float(super().run(self.fit(feeds)))


_NUMPY: dict[str, np.dtype[Any]] = {
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(bfloat16)": ir.DataType.BFLOAT16.numpy(),
    **{f"tensor({name})": np.dtype(name) for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")},
}
