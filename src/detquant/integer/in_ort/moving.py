"""What moves codes, joins maps or takes the largest of a window, as ONNX steps."""

from __future__ import annotations

import numpy as np

from detquant.errors import UnsupportedOperator
from detquant.integer.in_ort.draft import Steps
from detquant.integer.operators import Concat, MaxPool, Move


def largest(operator: MaxPool, steps: Steps) -> None:
    """Writes a pooling: what pads is below all codes there, and where nothing else is, becomes the smallest."""
    x, window = steps.codes[operator.inputs[0]], operator.window
    (top, bottom), (left, right) = window.pads
    if max(top, bottom) >= window.kernel[0] or max(left, right) >= window.kernel[1]:
        raise UnsupportedOperator(f"MaxPool '{operator.name}' is padded by more than its kernel.")
    found = steps.step(
        "MaxPool",
        x,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[top, left, bottom, right],
    )
    steps.give(found, operator)


def joined(operator: Concat, steps: Steps) -> None:
    """Writes a Concat, with the codes that are known beforehand."""
    parts = [steps.codes[name] for name in operator.inputs]
    for place, known in operator.constants.items():
        parts.insert(place, steps.constant(known, np.float32))
    steps.give(steps.step("Concat", *parts, axis=operator.axis), operator)


def moved(operator: Move, steps: Steps) -> None:
    """Writes a move by addresses; the fill lies behind the last code, where address -1 finds it."""
    codes, most = steps.codes[operator.inputs[0]], steps.largest[operator.inputs[0]]
    if operator.addresses is not None:
        flat = steps.reshaped(codes, (-1,))
        if (operator.addresses < 0).any():
            flat = steps.step("Concat", flat, steps.constant([operator.fill], np.float32), axis=0)
            most = max(most, abs(operator.fill))
        codes = steps.taken(flat, steps.constant(operator.addresses, np.int32))
    steps.name(steps.reshaped(codes, operator.shape), operator, -most, most)
