"""How much ONNX's data propagation would write down, told before it is asked to.

To follow the shapes that others are computed from, shape inference keeps the numbers of values of one dimension, or
as many blanks where it does not know them. It does so whatever their length: thirty Concats of a value with itself
are a billion entries. The length of each value is bounded here, from the shapes that are known:

    initializers and known shapes       their numbers, none if they have two dimensions or more
    Concat                              the sum of what it reads
    what makes a shape that is asked    without a bound, as long as its shape is not known
    (Expand, Reshape, Range, ...)
    all others                          the longest that they read
"""

from __future__ import annotations

import math

import onnx_ir as ir

from detquant.graph.values import is_op, static_shape

MOST_ENTRIES = 1 << 21
"""Most entries of all values together, which take some tenths of a second; a detector has some thousand."""

# Operators of the standard that propagate data.
_PROPAGATE = ("Add", "Cast", "Concat", "Gather", "Mul", "Shape", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze")
_OF_ANY_SIZE = ("ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Reshape", "Resize", "Tile", "Upsample")
_UNKNOWN = 4096


def propagates_much(model: ir.Model) -> bool:
    """Whether data propagation would write down more than `MOST_ENTRIES` entries, as far as known shapes tell."""
    lengths: dict[ir.Value, float] = {}
    entries = 0.0
    for node in model.graph.all_nodes():
        read = [_length(value, lengths) for value in node.inputs if value is not None]
        if is_op(node, *_OF_ANY_SIZE):
            made = math.inf
        elif is_op(node, "Shape", "Size"):
            made = float(_UNKNOWN)
        else:
            made = sum(read) if is_op(node, "Concat") else max(read, default=float(_UNKNOWN))
        for output in node.outputs:
            lengths[output] = _known(output, made)
        if is_op(node, *_PROPAGATE):
            entries += max([*read, *(lengths[output] for output in node.outputs)], default=0.0)
            if entries > MOST_ENTRIES:
                return True
    return False


def _length(value: ir.Value, lengths: dict[ir.Value, float]) -> float:
    return lengths[value] if value in lengths else _known(value, _UNKNOWN)


def _known(value: ir.Value, otherwise: float) -> float:
    """The length of a value whose shape says it."""
    if value.shape is not None and value.shape.rank() > 1:
        return 0
    shape = static_shape(value)
    return otherwise if shape is None else math.prod(shape)
