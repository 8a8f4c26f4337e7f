"""Layers as exact ONNX steps.

A convolution runs in float32, which is exact while ``sum |w| max |x|`` and the bias stay below 2^24 in every channel.
Where they do not, the numbers that it reads are split into digits of so few bits that they do, each digit is convolved
by itself, and the sums are put together in float64.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.window import Window
from detquant.integer.accumulation import EXACT_FLOAT32
from detquant.integer.in_ort.draft import Steps
from detquant.integer.operators import Convolution, Matrix
from detquant.numerics.arrays import Ints
from detquant.numerics.multipliers import Multiplier


def convolution(operator: Convolution, steps: Steps) -> None:
    """Writes a convolution."""
    x, most = steps.codes[operator.inputs[0]], steps.largest[operator.inputs[0]]
    weights = np.abs(operator.weights.astype(np.int64)).sum(axis=tuple(range(1, operator.weights.ndim)))
    padded = any(map(any, operator.window.pads)) or operator.stuffing != (1, 1)
    folded = operator.folded_bias
    plain = not padded and int((weights * most + np.abs(folded)).max()) <= EXACT_FLOAT32
    bias = folded if plain else operator.bias
    if not plain:
        x, most = steps.shifted(x, -operator.zero_in), most + abs(operator.zero_in)
    if operator.stuffing != (1, 1):
        x = _stuffed(operator, x, steps)
    if plain or int((weights * most + np.abs(bias)).max()) <= EXACT_FLOAT32:
        _requantise(operator, _convolved(operator, x, bias, steps), steps)
        return
    room = EXACT_FLOAT32 // max(1, int(weights.max()))
    bits = room.bit_length() - 1
    if bits < 1:
        raise UnsupportedOperator(
            f"Conv '{operator.name}' sums up to {int(weights.max())} in size of weights, which float32 does not hold."
        )
    sums = [
        steps.step("Mul", steps.cast(_convolved(operator, digit, None, steps), np.float64), steps.constant(unit, float))
        for digit, unit in _digits(x, most, bits, steps)
    ]
    moved = steps.constant(bias.reshape(1, -1, 1, 1), np.float64)
    _requantise(operator, reduce(lambda one, other: steps.step("Add", one, other), [*sums, moved]), steps)


def matrix(operator: Matrix, steps: Steps) -> None:
    """Writes a product with a matrix, in float64, whose 53 bits hold every accumulator."""
    centred = steps.cast(steps.shifted(steps.codes[operator.inputs[0]], -operator.zero_in), np.float64)
    product = steps.step("MatMul", centred, steps.constant(operator.weights.T, np.float64))
    moved = steps.step("Add", product, steps.constant(operator.bias, np.float64))
    most = operator.largest + np.abs(operator.bias)
    steps.requantised(moved, most, operator.multiplier, operator.zero_out, operator)


def windows(
    x: ir.Value, window: Window, weights: Ints, groups: int, steps: Steps, bias: Ints | None = None
) -> ir.Value:
    """A convolution in float32, padded with zeros.

    Args:
        x: whole numbers, float32 ``[n, in, h, w]``.
        window: its window.
        weights: ``[out, in / groups, kh, kw]``.
        groups: number of groups of channels.
        steps: the graph.
        bias: ``[out]``.
    """
    (top, bottom), (left, right) = window.pads
    inputs = [x, steps.constant(weights, np.float32)]
    if bias is not None and bias.any():
        inputs.append(steps.constant(bias, np.float32))
    return steps.step(
        "Conv",
        *inputs,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[top, left, bottom, right],
        group=groups,
    )


def _convolved(operator: Convolution, x: ir.Value, bias: Ints | None, steps: Steps) -> ir.Value:
    return windows(x, operator.window, operator.weights.astype(np.int64), operator.groups, steps, bias)


def _requantise(operator: Convolution, sums: ir.Value, steps: Steps) -> None:
    shape = (1, -1, 1, 1)
    factor = Multiplier(operator.multiplier.multiplier.reshape(shape), operator.multiplier.shift.reshape(shape))
    most = (operator.largest + np.abs(operator.bias)).reshape(shape)
    steps.requantised(sums, most, factor, operator.zero_out, operator)


def _digits(x: ir.Value, most: int, bits: int, steps: Steps) -> list[tuple[ir.Value, float]]:
    """Whole numbers of either sign as digits of some bits, with what each is worth; the last has the sign."""
    digits, base = [], float(1 << bits)
    left, unit = x, 1.0
    while most >= base:
        above = steps.step("Floor", steps.step("Mul", left, steps.constant(1 / base, np.float32)))
        digit = steps.step("Sub", left, steps.step("Mul", above, steps.constant(base, np.float32)))
        digits.append((digit, unit))
        left, unit, most = above, unit * base, -(-most >> bits)
    return [*digits, (left, unit)]


def _stuffed(operator: Convolution, x: ir.Value, steps: Steps) -> ir.Value:
    """A map with zeros between its rows and columns: a transposed convolution by single ones."""
    down, right = operator.stuffing
    channels = operator.weights.shape[1] * operator.groups
    ones = steps.constant(np.ones((channels, 1, 1, 1)), np.float32)
    return steps.step("ConvTranspose", x, ones, group=channels, strides=[down, right])
