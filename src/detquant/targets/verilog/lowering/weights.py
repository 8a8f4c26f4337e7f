"""Weights by step and lane, and what a group of output channels is requantised with.

Weights are packed by lane: a lane of a word that the operator does not read has weight 0, so producers may put channels
where they like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.integer.operators import IntegerOperator, Layer
from detquant.targets.verilog.engine import MOST_WEIGHT_BITS, Array
from detquant.targets.verilog.lowering.draft import refused
from detquant.targets.verilog.lowering.vanishing import without_vanishing
from detquant.targets.verilog.maps import Word
from detquant.targets.verilog.program import Weighted

Numbers = npt.NDArray[Any]


def dense_weights(weights: Numbers, groups: int) -> Numbers:
    """Weights ``[out, in, kh, kw]`` of a convolution of some groups of channels, zeros between the groups."""
    if groups == 1:
        return weights
    out, within, *kernel = weights.shape
    dense = np.zeros((groups, out // groups, groups, within, *kernel), weights.dtype)
    every = np.arange(groups)
    dense[every, :, every] = weights.reshape(groups, out // groups, within, *kernel)
    return dense.reshape(out, groups * within, *kernel)


def dense_tiles(
    weights: Numbers, words: Sequence[Word], slots: Sequence[int], out_groups: int, array: Array
) -> Numbers:
    """Tiles ``[groups of outputs, steps, ocp, icp]``; a step is a word and a place of the window.

    Args:
        weights: ``[out, in, kh, kw]``.
        words: the words that hold the input channels.
        slots: slot of each output channel.
        out_groups: groups of ``ocp`` output channels.
        array: the array.
    """
    out, _, kh, kw = weights.shape
    lanes = np.zeros((len(words), out_groups * array.ocp, kh, kw, array.icp), np.int8)
    rows = np.asarray(slots)
    for number, word in enumerate(words):
        channels = list(word.lanes.values())
        by_lane = np.zeros((out, kh, kw, array.icp), np.int8)
        by_lane[..., list(word.lanes)] = weights[:, channels].transpose(0, 2, 3, 1)
        lanes[number, rows] = by_lane
    split = lanes.reshape(len(words), out_groups, array.ocp, kh, kw, array.icp)
    return split.transpose(1, 0, 3, 4, 2, 5).reshape(out_groups, len(words) * kh * kw, array.ocp, array.icp)


def diagonal_tiles(weights: Numbers, channels: npt.NDArray[np.int64], out_groups: int, array: Array) -> Numbers:
    """Tiles of a depthwise convolution: output and input of a channel have the same slot.

    Args:
        weights: ``[channels, 1, kh, kw]``.
        channels: by slot from the first output of the array on, the channel or -1.
        out_groups: groups of ``ocp`` output channels.
        array: the array.
    """
    kh, kw = weights.shape[2:]
    tiles = np.zeros((out_groups, array.many, kh * kw, array.ocp, array.icp), np.int8)
    for slot in np.flatnonzero(channels >= 0):
        group, row = divmod(int(slot), array.ocp)
        tiles[group, row // array.icp, :, row, int(slot) % array.icp] = weights[channels[slot], 0].reshape(-1)
    return tiles.reshape(out_groups, array.many * kh * kw, array.ocp, array.icp)


def weighted(layer: Layer, tiles: Numbers, zero_in: int, channels: npt.NDArray[np.int64]) -> Weighted:
    """Tiles with the parameters of their channels.

    Args:
        layer: gives bias, multipliers and shifts.
        tiles: see `Weighted`.
        zero_in: stored code of zero in what is read.
        channels: by slot of the array's outputs, the channel or -1.
    """
    used = channels >= 0
    taken = channels[used]
    sums = layer.weights.astype(np.int64).reshape(len(layer.weights), -1).sum(axis=1)
    folded = layer.bias - zero_in * sums
    bias, multiplier, shift = (np.zeros(len(channels), np.int64) for _ in range(3))
    bias[used] = folded[taken]
    reach = layer.largest + np.abs(layer.bias)
    factors, shifts = without_vanishing(layer.multiplier.multiplier, layer.multiplier.shift, reach)
    multiplier[used] = np.broadcast_to(factors, folded.shape)[taken]
    shift[used] = np.broadcast_to(shifts, folded.shape)[taken]
    return Weighted(tiles=tiles.astype(np.int8), bias=bias, multiplier=multiplier, shift=shift, reach=int(reach.max()))


def require_weight_bits(operator: IntegerOperator, weights: Numbers) -> None:
    """Refuses weights that have no room in 8 bits.

    Raises:
        UnsupportedOperator: a weight less its zero point is beyond them.
    """
    half = 1 << (MOST_WEIGHT_BITS - 1)
    if weights.size and not (-half <= int(weights.min()) and int(weights.max()) < half):
        raise refused(
            operator,
            f"its weights, less their zero point, reach from {int(weights.min())} to {int(weights.max())}, and the "
            f"array multiplies {-half} to {half - 1}: quantise weights symmetrically, in 2 to {MOST_WEIGHT_BITS} bits",
        )
