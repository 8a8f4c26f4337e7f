"""What the Edge TPU computes: Coral's published list with its limits, as a table.

From coral.ai, "TensorFlow models on the Edge TPU", supported operations of runtime 14 (compiler 16), and the statuses
that the compiler's logs give. What has no row is not supported (LEAKY_RELU, PADV2, HARD_SWISH, GATHER, ...). Coral
leaves some limits open ("depending on size"); these are told with the operator and not guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from detquant.targets.tflite.reading import Held, Operator

ON_CHIP = 8 << 20
"""Bytes of memory on the chip, for parameters and everything else."""

INNERMOST = 3
SOFTMAX_LARGEST = 16_000
NO_ACTIVATION = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit that operators must keep to be taken.

    Attributes:
        says: a clause that ends "it is taken ...".
        holds: whether an operator keeps to it.
    """

    says: str
    holds: Callable[[Operator], bool]


def _taken(_: Operator) -> bool:
    return True


def _no_activation(op: Operator) -> bool:
    return bool(op.options.get("fusedActivationFunction", NO_ACTIVATION) == NO_ACTIVATION)


def _concatenation(op: Operator) -> bool:
    stored = op.constants
    zeros = all(np.all(one.data == np.int8(one.zero_point).view(np.uint8)) for one in stored if one.data is not None)
    return _no_activation(op) and (not stored or (len(op.inputs) == 2 and zeros))


def _convolution(op: Operator) -> bool:
    whole = op.inputs[0].shape[-1] == op.inputs[1].shape[-1]
    even = op.options["dilationHFactor"] == op.options["dilationWFactor"]
    return bool(even and (whole or op.kind != "CONV_2D"))


def _numbers(tensor: Held) -> list[int]:
    assert tensor.data is not None
    return [int(number) for number in tensor.data.view(np.int32)]


def _axes(op: Operator) -> list[int]:
    rank = len(op.inputs[0].shape)
    return [axis % rank for axis in _numbers(op.inputs[1])]


def _mean(op: Operator) -> bool:
    shape, axes = op.inputs[0].shape, _axes(op)
    depth = len(shape) - 1
    return 0 not in axes and (depth not in axes or shape[depth] % 4 == 0)


def _transposed_batch(op: Operator) -> bool:
    return _numbers(op.inputs[1])[0] == 0


def _strided_slice(op: Operator) -> bool:
    masks = op.options.get("ellipsisMask", 0) or op.options.get("newAxisMask", 0)
    return set(_numbers(op.inputs[3])) == {1} and not masks


def _flat(tensor: Held) -> bool:
    return prod(tensor.shape[:-1]) == 1


ALWAYS = Rule("always", _taken)
NO_FUSED = Rule("without a fused activation", _no_activation)
NO_BATCH = Rule("where it leaves the batch alone", lambda op: 0 not in _axes(op))
RESIZED = Rule(
    "with corners or pixels aligned as of old, not with half-pixel centres; of some sizes, says Coral, it stays off "
    "the chip to keep precision",
    lambda op: not op.options.get("halfPixelCenters", False),
)

RULES: dict[str, Rule] = {
    "ADD": ALWAYS,
    "AVERAGE_POOL_2D": NO_FUSED,
    "CONCATENATION": Rule(
        "without a fused activation, and of a constant only as the second of two inputs, all zeros", _concatenation
    ),
    "CONV_2D": Rule("ungrouped, with the same dilation in x and y", _convolution),
    "DEPTHWISE_CONV_2D": Rule("with the same dilation in x and y", _convolution),
    "EXPAND_DIMS": ALWAYS,
    "FULLY_CONNECTED": Rule(
        "with weights in the default format and a result of one dimension",
        lambda op: op.options.get("weightsFormat", 0) == 0 and _flat(op.outputs[0]),
    ),
    "L2_NORMALIZATION": ALWAYS,
    "LOGISTIC": ALWAYS,
    "MAXIMUM": ALWAYS,
    "MAX_POOL_2D": NO_FUSED,
    "MEAN": Rule("where it leaves the batch alone, over channels only if there are a multiple of 4", _mean),
    "MINIMUM": ALWAYS,
    "MUL": ALWAYS,
    "PACK": Rule("where it leaves the batch alone", lambda op: op.options.get("axis", 0) != 0),
    "PAD": Rule("where it leaves the batch alone", lambda op: not any(_numbers(op.inputs[1])[:2])),
    "PRELU": Rule("with a slope for each channel", lambda op: _flat(op.inputs[1])),
    "QUANTIZE": ALWAYS,
    "REDUCE_MAX": NO_BATCH,
    "REDUCE_MIN": NO_BATCH,
    "RELU": ALWAYS,
    "RELU6": ALWAYS,
    "RELU_N1_TO_1": ALWAYS,
    "RESHAPE": Rule("always, but Coral says that some of large tensors stay off the chip", _taken),
    "RESIZE_BILINEAR": RESIZED,
    "RESIZE_NEAREST_NEIGHBOR": RESIZED,
    "RSQRT": ALWAYS,
    "SLICE": ALWAYS,
    "SOFTMAX": Rule(
        f"over one dimension of at most {SOFTMAX_LARGEST} numbers",
        lambda op: _flat(op.inputs[0]) and prod(op.inputs[0].shape) <= SOFTMAX_LARGEST,
    ),
    "SPACE_TO_DEPTH": ALWAYS,
    "SPLIT": Rule("where it leaves the batch alone", lambda op: _numbers(op.inputs[0])[0] != 0),
    "SQUARED_DIFFERENCE": ALWAYS,
    "SQUEEZE": ALWAYS,
    "STRIDED_SLICE": Rule("with strides of 1, without new axes or an ellipsis", _strided_slice),
    "SUB": ALWAYS,
    "SUM": NO_BATCH,
    "TANH": ALWAYS,
    "TRANSPOSE": Rule("where it leaves the batch alone", _transposed_batch),
    "TRANSPOSE_CONV": ALWAYS,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ALWAYS,
}
"""When an operator is taken, by its builtin name."""


def why_not(op: Operator) -> str | None:
    """The first reason why the Edge TPU does not take an operator, as a clause; None where it does."""
    rule = RULES.get(op.kind)
    if rule is None:
        return "is not on Coral's list of supported operations"
    for tensor in op.activations:
        if tensor.dtype not in ("int8", "uint8"):
            return f"reads or writes {tensor.dtype}, where 8-bit integers are taken"
        if any(size != 1 for size in tensor.shape[:-INNERMOST]):
            shape = "x".join(map(str, tensor.shape))
            return f"has a tensor of {shape}, where only the {INNERMOST} innermost dimensions may be other than 1"
        if tensor.size_bytes > ON_CHIP:
            return (
                f"has a tensor of {tensor.size_bytes / 2**20:.1f} MB, and the chip has {ON_CHIP >> 20} MB: give a "
                f"smaller image (--imgsz)"
            )
    return None if rule.holds(op) else f"is taken only {rule.says}"
