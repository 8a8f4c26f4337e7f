"""Tables, sums, products, means and mixtures as exact ONNX steps."""

from __future__ import annotations

import numpy as np

from detquant.errors import UnsupportedOperator
from detquant.integer.accumulation import EXACT_FLOAT32, EXACT_FLOAT64
from detquant.integer.in_ort.draft import Steps
from detquant.integer.in_ort.layers import windows
from detquant.integer.operators import Blend, Mean, Product, Sum, Table
from detquant.numerics.multipliers import Multiplier


def table(operator: Table, steps: Steps) -> None:
    """Writes a table as a look-up; tables of channels lie one behind the other."""
    name, entries = operator.inputs[0], operator.entries
    if name in steps.places:
        places, low = steps.places[name]
        places = steps.shifted(places, low - operator.first, np.int32)
    else:
        places = steps.cast(steps.shifted(steps.codes[name], -operator.first), np.int32)
    if operator.axis is not None:
        channels, size = entries.shape
        behind = len(steps.shapes[name]) - 1 - operator.axis
        starts = (np.arange(channels) * size).reshape(-1, *[1] * behind)
        places = steps.step("Add", places, steps.constant(starts, np.int32))
    found = steps.taken(steps.constant(entries.reshape(-1), np.float32), steps.reshaped(places, (-1,)))
    steps.name(steps.reshaped(found, steps.shapes[name]), operator, int(entries.min()), int(entries.max()))


def added(operator: Sum, steps: Steps) -> None:
    """Writes a sum of two activations."""
    shift, factors = operator.multiplier.shift, operator.multiplier.multiplier
    sizes = [steps.largest[name] * abs(int(m)) for name, m in zip(operator.inputs, factors, strict=True)]
    reach = sum(sizes) + abs(operator.offset)
    exact = np.float64 if reach + (1 << int(shift)) <= EXACT_FLOAT64 else np.int64
    terms = [
        steps.step("Mul", steps.cast(steps.codes[name], exact), steps.constant(m, exact))
        for name, m in zip(operator.inputs, factors, strict=True)
    ]
    total = steps.step("Add", steps.step("Add", *terms), steps.constant(operator.offset, exact))
    if exact is np.int64:
        steps.halved_up(total, shift, 0, operator)
        return
    steps.requantised(total, reach, Multiplier(np.asarray(1, np.int64), shift), 0, operator)


def multiplied(operator: Product, steps: Steps) -> None:
    """Writes a product of two activations."""
    parts, most = [], 1
    for name, zero in zip(operator.inputs, operator.zeros, strict=True):
        parts.append(steps.cast(steps.shifted(steps.codes[name], -zero), np.float64))
        most *= steps.largest[name] + abs(zero)
    steps.requantised(steps.step("Mul", *parts), most, operator.multiplier, operator.zero_out, operator)


def averaged(operator: Mean, steps: Steps) -> None:
    """Writes a mean; that of windows as a convolution of each channel by ones."""
    name = operator.inputs[0]
    centred = steps.shifted(steps.codes[name], -operator.zero_in)
    most = steps.largest[name] + abs(operator.zero_in)
    shape, window = steps.shapes[name], operator.window
    if window is None:
        axes = steps.constant(operator.axes, np.int64)
        sums = steps.step("ReduceSum", steps.cast(centred, np.float64), axes, keepdims=int(operator.keep))
        count = int(np.prod([shape[axis] for axis in operator.axes]))
    else:
        count = int(np.prod(window.kernel))
        if most * count > EXACT_FLOAT32:
            raise UnsupportedOperator(f"Sums of '{operator.name}' reach {most * count}, which float32 does not hold.")
        sums = windows(centred, window, np.ones((shape[1], 1, *window.kernel), np.int64), shape[1], steps)
    steps.requantised(sums, most * count, operator.multiplier, operator.zero_out, operator)


def blended(operator: Blend, steps: Steps) -> None:
    """Writes a mixture of pixels as two products of matrices, in float64."""
    name = operator.inputs[0]
    centred = steps.cast(steps.shifted(steps.codes[name], -operator.zero_in), np.float64)
    by_row = steps.step("MatMul", steps.constant(operator.rows, np.float64), centred)
    mixed = steps.step("MatMul", by_row, steps.constant(operator.columns.T, np.float64))
    reach = [int(np.abs(one.astype(np.int64)).sum(axis=1).max()) for one in (operator.rows, operator.columns)]
    most = (steps.largest[name] + abs(operator.zero_in)) * reach[0] * reach[1]
    steps.requantised(mixed, most, operator.multiplier, operator.zero_out, operator)
