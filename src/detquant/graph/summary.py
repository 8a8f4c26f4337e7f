"""Count what a graph is made of: operators, parameters, bytes of weights, multiply-accumulates.

Multiply-accumulates (MACs) of one run, N the batch, biases not counted:

1. Conv: elements of the output x (C/group) x kernel area.
2. ConvTranspose: elements of the input x (M/group) x kernel area; each input element is spread once.
3. Gemm, MatMul: elements of the output x the length of the axis that is summed over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from detquant.graph.values import is_op, static_shape


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of what a graph is made of.

    Attributes:
        operators: how often each operator occurs, most frequent first.
        parameters: elements of floating-point initializers, and of codes that stand for such; shapes, axes, scales
            and zero points are left out.
        macs: multiply-accumulates of one run, of the layers whose shapes are known.
        weight_bytes: bytes of all initializers.
    """

    operators: Mapping[str, int]
    parameters: int
    macs: int
    weight_bytes: int


def summarize(graph: ir.Graph) -> Summary:
    """Count; subgraphs are not looked into."""
    operators = Counter(node.op_type for node in graph)
    tensors = [value.const_value for value in graph.initializers.values() if value.const_value is not None]
    return Summary(
        operators=dict(operators.most_common()),
        parameters=sum(_parameters(value) for value in graph.initializers.values()),
        macs=sum(node_macs(node) for node in graph),
        weight_bytes=sum(tensor.nbytes for tensor in tensors),
    )


_CODES = {
    "DequantizeLinear": (0,),
    "ConvInteger": (1,),
    "MatMulInteger": (1,),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
}
"""Inputs that are codes of weights where they are constant, by operator."""
_GRID = {"QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "QLinearConv": (1, 2, 4, 5, 6, 7)}
"""Inputs that are scales and zero points, by operator."""


def _parameters(value: ir.Value) -> int:
    tensor, uses = value.const_value, list(value.uses())
    if tensor is None or (uses and all(use.idx in _GRID.get(use.node.op_type, ()) for use in uses)):
        return 0
    codes = any(use.idx in _CODES.get(use.node.op_type, ()) for use in uses)
    return tensor.size if codes or tensor.dtype.is_floating_point() else 0


def node_macs(node: ir.Node) -> int:
    """Multiply-accumulates of one node; 0 for an operator without them, or where a shape is not known."""
    if not is_op(node, "Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    left, right = static_shape(node.inputs[0]), static_shape(node.inputs[1])
    output = static_shape(node.outputs[0])
    if left is None or right is None or output is None:
        return 0
    if node.op_type == "Conv":  # case 1
        return math.prod(output) * math.prod(right[1:])
    if node.op_type == "ConvTranspose":  # case 2
        return math.prod(left) * math.prod(right[1:])
    summed = left[0] if node.attributes.get_int("transA", 0) else left[-1]  # case 3
    return math.prod(output) * summed
