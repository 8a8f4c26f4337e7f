"""Weights and biases to the digits that half precision keeps, wherever an 8-bit grid cannot tell.

A float16 export and a float32 export of one network differ in digits far below a step of an 8-bit grid. Yet those
digits decide which way a code rounds, and with it which of many equally good quantised models comes out: scales that
differ by 0.3 % move the AP of a small detector on 300 images by 0.2 either way. Both exports now give the same codes.

1. A weight is rounded to float16 and back where that moves no number of its output channel by more than `TOLERABLE` of
   the channel's largest: 1/16 of a step of 8 bits. float16 keeps 11 bits, so this is so of all that it does not hold as
   a subnormal number.
2. Nearly dead channels, whose numbers are subnormal there, are rounded too where they move by no more than `NOTHING` of
   the largest of the whole tensor: the grid of the activation, which all channels share, would not show it.
3. A bias likewise, each number by itself.
4. Anything else stays: what decodes boxes holds positions in pixels, which need all their digits.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.traits import bias_of, is_constant, weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.numerics.arrays import Floats

TOLERABLE = 2.0**-11
NOTHING = 2.0**-20


def with_half_precise_weights(model: ir.Model) -> ir.Model:
    """A copy of the model whose weighted operators hold float32 numbers that float16 has as well.

    Args:
        model: prepared float graph. Not changed.
    """
    model = model.clone()
    for node in model.graph:
        for value in (weight := weight_of(node), bias_of(node)):
            array = constant(value)
            if value is None or array is None or array.dtype != np.float32 or not is_constant(value):
                continue
            axis = weight_channel_axis(node) if value is weight else None
            value.const_value = ir.tensor(half_precise(np.asarray(array, np.float32), axis), name=value.name)
    return model


def half_precise(array: Floats, axis: int | None) -> Floats:
    """The array rounded to float16 and back; channels that would lose too much by it stay as they are.

    Args:
        array: float32, finite or not.
        axis: axis of the channels; None where each number stands for itself.
    """
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float16).astype(np.float32)
    others = tuple(a for a in range(array.ndim) if a != axis) if axis is not None else ()
    with np.errstate(invalid="ignore"):
        moved, size = np.abs(rounded - array).max(axis=others, keepdims=True), np.abs(array)
        fits = moved <= np.maximum(TOLERABLE * size.max(axis=others, keepdims=True), NOTHING * size.max(initial=0.0))
    return np.asarray(np.where(fits, rounded, array), np.float32)
