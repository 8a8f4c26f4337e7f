"""The table of limits: one operator that keeps to each, and one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.targets.edgetpu.operators import RULES, why_not
from detquant.targets.tflite.reading import Held, Operator


def held(*shape, dtype="int8", data=None, zero_point=0):
    stored = None if data is None else np.asarray(data, dtype).reshape(-1).view(np.uint8)
    return Held(name="t", shape=shape, dtype=dtype, zero_point=zero_point, data=stored)


def numbers(*values):
    return held(len(values), dtype="int32", data=values)


def op(kind, inputs, outputs=None, **options):
    return Operator(kind=kind, inputs=tuple(inputs), outputs=tuple(outputs or [held(1, 8, 8, 16)]), options=options)


MAP = held(1, 8, 8, 16)
TAPS = held(16, 3, 3, 16, data=np.zeros(16 * 9 * 16))
HALF = held(16, 3, 3, 8, data=np.zeros(16 * 9 * 8))
ROUND = {"dilationHFactor": 2, "dilationWFactor": 2}
LONG = {"dilationHFactor": 1, "dilationWFactor": 2}
SIDES = [0, 0, 1, 1, 1, 1, 0, 0]

TAKEN = {
    "a layer": op("CONV_2D", [MAP, TAPS], **ROUND),
    "one tap a channel": op("DEPTHWISE_CONV_2D", [MAP, held(1, 3, 3, 16, data=np.zeros(144))], **ROUND),
    "zeros behind": op("CONCATENATION", [MAP, held(1, 8, 8, 2, data=np.full(128, -7), zero_point=-7)]),
    "vector": op("FULLY_CONNECTED", [held(1, 16), TAPS], [held(1, 10)]),
    "places": op("MEAN", [MAP, numbers(1, 2)]),
    "channels, 16": op("MEAN", [MAP, numbers(-1)]),
    "sides": op("PAD", [MAP, held(4, 2, dtype="int32", data=SIDES)]),
    "slopes": op("PRELU", [MAP, held(1, 1, 16, data=np.zeros(16))]),
    "old centres": op("RESIZE_NEAREST_NEIGHBOR", [MAP, numbers(16, 16)]),
    "scores": op("SOFTMAX", [held(1, 1000)], [held(1, 1000)]),
    "halves": op("SPLIT", [numbers(3), MAP]),
    "a window": op("STRIDED_SLICE", [MAP, numbers(0), numbers(4), numbers(1, 1, 1, 1)]),
    "turned": op("TRANSPOSE", [MAP, numbers(0, 2, 1, 3)]),
    "largest": op("SUM", [MAP, numbers(1)]),
    "a bias": op("CONV_2D", [MAP, TAPS, held(16, dtype="int32", data=np.zeros(16))], **ROUND),
}
NOT_TAKEN = {
    "grouped": (op("CONV_2D", [MAP, HALF], **ROUND), "only ungrouped"),
    "longer": (op("CONV_2D", [MAP, TAPS], **LONG), "same dilation"),
    "taps longer": (op("DEPTHWISE_CONV_2D", [MAP, TAPS], **LONG), "same dilation"),
    "fused pool": (op("MAX_POOL_2D", [MAP], fusedActivationFunction=1), "without a fused activation"),
    "constant behind": (op("CONCATENATION", [MAP, held(1, 8, 8, 2, data=np.ones(128))]), "all zeros"),
    "matrix": (op("FULLY_CONNECTED", [held(4, 16), TAPS], [held(4, 10)]), "one dimension"),
    "channels, 6": (op("MEAN", [held(1, 8, 8, 6), numbers(3)]), "multiple of 4"),
    "batch": (op("SUM", [MAP, numbers(0)]), "leaves the batch alone"),
    "batch padded": (op("PAD", [MAP, held(4, 2, dtype="int32", data=[1, 0, *SIDES[2:]])]), "leaves the batch alone"),
    "half pixels": (op("RESIZE_BILINEAR", [MAP, numbers(16, 16)], halfPixelCenters=True), "half-pixel"),
    "many": (op("SOFTMAX", [held(1, 16_001)], [held(1, 16_001)]), "at most 16000"),
    "softmax of a map": (op("SOFTMAX", [MAP]), "one dimension"),
    "every second": (op("STRIDED_SLICE", [MAP, numbers(0), numbers(8), numbers(1, 2, 2, 1)]), "strides of 1"),
    "batch moved": (op("TRANSPOSE", [MAP, numbers(1, 0, 2, 3)]), "leaves the batch alone"),
    "not listed": (op("LEAKY_RELU", [MAP]), "not on Coral's list"),
    "floats": (op("ADD", [held(1, 4, dtype="float32"), held(1, 4)]), "reads or writes float32"),
    "four axes": (op("ADD", [held(2, 8, 8, 4), MAP]), "a tensor of 2x8x8x4, where only the 3 innermost"),
    "a large image": (op("RELU", [held(1, 1024, 1024, 16)]), "16.0 MB, and the chip has 8 MB: give a smaller image"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_keeps_to_its_limits_is_taken(case):
    assert why_not(TAKEN[case]) is None


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_what_does_not_is_told_why(case):
    operator, why = NOT_TAKEN[case]
    found = why_not(operator)
    assert found is not None and why in found


def test_every_row_has_a_sentence():
    assert len(RULES) > 30 and all(rule.says for rule in RULES.values())
