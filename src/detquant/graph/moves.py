"""Operators that only move values, applied to arrays: chains of them are tried, not reasoned about."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, static_shape
from detquant.numerics.arrays import Array


def moved(node: ir.Node, x: Array) -> Array | None:
    """The array as the node moves its values; None if the node is not a plain move."""
    shape = static_shape(node.outputs[0])
    if node.op_type == "Transpose":
        return x.transpose(node.attributes.get_ints("perm") or None)
    if node.op_type == "Tile":
        repeats = constant(node.inputs[1])
        return None if repeats is None else np.tile(x, [int(count) for count in repeats])
    return None if shape is None or np.prod(shape) != x.size else x.reshape(shape)
