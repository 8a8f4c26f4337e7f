"""Where a Resize reads its pixels from, in float places of its input: ONNX's ways to compute and to round them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.float64]

ROUNDINGS: dict[str, Callable[[Places], Places]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""What a place becomes where the nearest pixel is taken, by ONNX's ``nearest_mode``."""


def places(how: str, size: int, out: int, scale: float) -> Places | None:
    """Where output pixels of an axis are read from, before rounding; None for a way that is none of these.

    Args:
        how: ONNX's ``coordinate_transformation_mode``.
        size: pixels of the input.
        out: pixels of the output.
        scale: how much longer the axis becomes, as the model says.
    """
    x = np.arange(out, dtype=np.float64)
    if how == "asymmetric":
        return x / scale
    if how == "half_pixel" or (how == "pytorch_half_pixel" and out > 1):
        return (x + 0.5) / scale - 0.5
    if how == "pytorch_half_pixel":
        return np.zeros_like(x)
    if how == "align_corners":
        return x * (size - 1) / max(out - 1, 1)
    return None
