"""The border of a MaxPool as copies of the map's own edge, for chips that pad with zeros only.

ONNX pads a maximum with the lowest number there is. A window that reaches over the edge holds the edge itself, for no
border is as wide as the kernel, so a copy of the edge in each place of the border changes no maximum. Where nothing is
negative, zeros do as well and cost less: such pools stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from detquant.graph.edge_border import edge_border
from detquant.graph.values import is_op, static_shape, used_names

NEVER_NEGATIVE = ("Relu", "Sigmoid", "Softmax")


def pool_edges(model: ir.Model) -> ir.Model:
    """A copy in which no MaxPool of numbers below zero has a border but what SAME gives; the same function."""
    copy = model.clone()
    names = used_names(copy.graph)
    for node in list(copy.graph):
        value, pads = node.inputs[0] if node.inputs else None, list(node.attributes.get_ints("pads", ()))
        if not is_op(node, "MaxPool") or value is None or not any(pads) or is_op(value.producer(), *NEVER_NEGATIVE):
            continue
        shape, after = static_shape(value), static_shape(node.outputs[0])
        plain = not node.attributes.get_int("ceil_mode", 0) and "auto_pad" not in node.attributes
        if shape is None or after is None or len(shape) != 4 or not plain or pads == _same(node, shape, after):
            continue
        node.replace_input_with(0, edge_border(copy.graph, node, value, shape, pads, names))
        node.attributes["pads"] = ir.AttrInt64s("pads", [0, 0, 0, 0])
    return copy


def _same(node: ir.Node, before: Sequence[int], after: Sequence[int]) -> list[int]:
    """The pads of TensorFlow's SAME: as few as the output needs, the odd row at the end."""
    kernel, strides = node.attributes.get_ints("kernel_shape", ()), node.attributes.get_ints("strides", (1, 1))
    total = [max(0, (after[2 + k] - 1) * strides[k] + kernel[k] - before[2 + k]) for k in range(2)]
    return [*(both // 2 for both in total), *(both - both // 2 for both in total)]
