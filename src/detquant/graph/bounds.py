"""The bounds within which a Relu or a Clip keeps its values."""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.values import constant, is_op, scalar

Bounds = tuple[float | None, float | None]
FREE: Bounds = (None, None)
BEYOND = 3e38
"""Bounds of this size are the largest numbers of float32: exporters write them where there is none."""


def has_bounds(node: ir.Node) -> bool:
    """Whether the node is a Relu, or a Clip whose bounds are known."""
    return is_op(node, "Relu", "Clip") and all(v is None or constant(v) is not None for v in node.inputs[1:])


def bounds(node: ir.Node) -> Bounds:
    """The bounds of a node that has them, see `has_bounds`; None for an end that is free."""
    if node.op_type == "Relu":
        return 0.0, None
    given = [scalar(value) for value in node.inputs[1:3]]
    low, high = (*given, None, None)[:2]
    return (None if low is not None and low < -BEYOND else low), (None if high is not None and high > BEYOND else high)
