"""Constants of a weighted operator replaced, in that operator only."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.traits import OPS, bias_of, weight_of
from detquant.graph.values import new_initializer
from detquant.numerics.arrays import Array


def replace_weight(node: ir.Node, array: Array) -> None:
    """Gives ``node`` another weight of the same shape; other readers of the old one keep it."""
    _replace(node, weight_of(node), array)


def replace_bias(node: ir.Node, array: Array) -> None:
    """Gives ``node`` another bias, or its first one: ``[out channels]``."""
    bias = bias_of(node)
    if bias is not None:
        _replace(node, bias, array)
        return
    position = OPS[node.op_type].bias_input
    assert position is not None and node.graph is not None
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    node.resize_inputs(position + 1)
    node.replace_input_with(position, new_initializer(graph, f"{node.name}_bias", array.astype(np.float32)))


def _replace(node: ir.Node, value: ir.Value | None, array: Array) -> None:
    assert value is not None and value.const_value is not None
    data = np.asarray(array, value.const_value.numpy().dtype)
    if len(value.uses()) == 1:
        value.const_value = ir.tensor(data, name=value.name)
        return
    assert isinstance(node.graph, ir.Graph)
    fresh = new_initializer(node.graph, f"{value.name}_of_{node.name}", data)
    for k, v in enumerate(node.inputs):
        if v is value:
            node.replace_input_with(k, fresh)


def put_constant(node: ir.Node, position: int, array: Array) -> None:
    """Gives ``node`` a constant of any shape at a position, which it need not have yet; others keep the old one."""
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    if position >= len(node.inputs):
        node.resize_inputs(position + 1)
    value = node.inputs[position]
    if value is not None and value.is_initializer() and len(value.uses()) == 1 and not value.is_graph_output():
        value.const_value, value.shape = ir.tensor(array, name=value.name), ir.Shape(array.shape)
        return
    stem = f"{node.name}_{position}" if value is None else f"{value.name}_of_{node.name}"
    node.replace_input_with(position, new_initializer(graph, stem, array))
