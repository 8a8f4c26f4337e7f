"""Convolutions whose channels can be scaled one by one: which they are, and along which axes of their weights."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant, is_op


def is_scalable(node: ir.Node) -> bool:
    """Whether the node is a convolution of constant weight and bias, with one group or depthwise."""
    weight = constant(weight_of(node)) if is_op(node, "Conv") else None
    if weight is None:
        return False
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if bias is not None and constant(bias_of(node)) is None:
        return False
    groups = node.attributes.get_int("group", 1)
    return groups == 1 or tuple(weight.shape[:2]) == (groups, 1)


def input_axis(node: ir.Node) -> int:
    """The axis of a scalable convolution's weight that its input's channels run along."""
    return 1 if node.attributes.get_int("group", 1) == 1 else 0


def along(scales: npt.NDArray[Any], axis: int, rank: int) -> npt.NDArray[Any]:
    """Numbers for each channel, ``[channels]``, as they are multiplied along an axis of an array of this rank."""
    return scales.reshape([-1 if k == axis else 1 for k in range(rank)])
