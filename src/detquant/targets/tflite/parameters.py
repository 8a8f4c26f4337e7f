"""The constants that belong to an operator: weights, biases, slopes, as LiteRT's kernels take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.graph.grids import stored_codes
from detquant.numerics import INT8, QuantParams, QuantSpec, grid_from_range, quantize
from detquant.numerics.arrays import Array
from detquant.numerics.rounding import half_even
from detquant.targets.tflite.file import Tensor
from detquant.targets.tflite.kernels import INT16, stored_grid
from detquant.targets.tflite.site import Site
from detquant.targets.tflite.values import float32


def weight(
    site: Site, place: int, order: Sequence[int], shape: Sequence[int] | None = None, *, by_channel: bool = False
) -> Tensor:
    """A weight: codes with their scales, float32, or float16 that is widened when the file is opened.

    Args:
        site: the operator.
        place: place of the input.
        order: axes of the constant, as the kernel wants them.
        shape: to bring it into afterwards; the channels stay where they are or become the last axis.
        by_channel: whether a kernel that rounds as it runs wants a scale for each channel, the last axis, always.
    """
    value, name = site.value(place), site.value(place).name or "weight"
    found = stored_codes(value) if site.codes or site.dynamic else None
    if found is not None:
        grid, turned = found.grid, found.codes.transpose(order)
        axis = None if grid.axis is None else list(order).index(grid.axis)
        if shape is not None:
            turned, axis = turned.reshape(shape), None if axis is None else len(shape) - 1
        if by_channel and site.dynamic and axis is None:
            axis, channels = turned.ndim - 1, turned.shape[-1]
            grid = QuantParams(INT8, np.full(channels, grid.scale), np.zeros(channels, np.int64), 0)
        return site.file_constant(name, turned, QuantParams(INT8, grid.scale, grid.zero_point, axis))
    known = site.constant(place)
    if known is None:
        raise site.unsupported("has weights that are computed")
    array = float32(known.transpose(order))
    return _float_weight(site, name, array if shape is None else array.reshape(shape))


def _float_weight(site: Site, name: str, array: Array) -> Tensor:
    """A float weight, in half the bytes if that was asked for."""
    if not site.half:
        return site.file_constant(name, array)
    narrow = site.file_constant(f"{name}/half", array.astype(np.float16))
    made = site.tensor(name, array.shape, "float32")
    site.add("DEQUANTIZE", [narrow], [made], special="float16")
    return made


def bias(site: Site, place: int, channels: int, weight: Tensor, factor: float = 1.0) -> Tensor:
    """A bias ``[channels]``; zeros where the node has none, since some runtimes ask for one.

    On codes it is int32, beside int16 codes int64, at exactly ``scale_x * scale_w``.
    """
    name = (site.value(place).name if site.has(place) else None) or f"{site.node.name}/bias"
    known = site.constant(place) if site.has(place) else np.zeros(channels, np.float32)
    if known is None:
        raise site.unsupported("has a bias that is computed")
    whole = np.broadcast_to(np.asarray(float32(known), np.float32).reshape(-1) * np.float32(factor), (channels,))
    if site.codes is None:
        return site.file_constant(name, whole)
    assert weight.grid is not None
    x = stored_grid(site.codes.activations[0])
    scale = np.asarray(x.scale * weight.grid.scale, np.float32)
    stored = stored_codes(site.value(place)) if site.has(place) else None
    steps = half_even(whole.astype(np.float64) / scale.astype(np.float64))
    grid = QuantParams(INT8, scale, np.zeros(scale.shape, np.int64), 0 if scale.ndim else None)
    return site.file_constant(
        name, (steps if stored is None else stored.codes).astype(np.int64 if x.qtype == INT16 else np.int32), grid
    )


def channel_codes(site: Site, place: int) -> Tensor:
    """A constant with a number for each channel, ``[1, 1, channels]`` in int8 around zero."""
    known, channels = site.constant(place), site.shape()[1]
    if known is None or known.size not in (1, channels):
        raise site.unsupported("has slopes that are computed, or more than one for each channel")
    array = np.broadcast_to(np.asarray(known, np.float32).reshape(1, 1, -1), (1, 1, channels))
    grid = grid_from_range(array.min(), array.max(), QuantSpec(qtype=INT8))
    return site.file_constant(site.value(place).name or "slopes", quantize(array, grid).astype(np.int8), grid)
