"""Give image inputs their channels first: TensorFlow's nets take [1, height, width, 3], the house [1, 3, h, w].

The input is turned, and a Transpose behind it gives the graph what it had. Then the Transpose is pushed on:

1. before a Transpose that turns the image back, both vanish: the usual case, for convolutions want channels first;
2. through operators on each element (casts, clipping, QuantizeLinear of one scale), and through those with a constant
   of one number or of one number a channel: (x - 127.5) / 127.5;
3. elsewhere it stays.

An input is such an image if its last dimension is 1, 3 or 4 and its second is not.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, fresh_name, is_op, new_initializer, static_shape, used_names

_CHANNELS = (1, 3, 4)
_TO_LAST = (0, 2, 3, 1)
_TO_FIRST = (0, 3, 1, 2)

_UNARY = ("Cast", "Clip", "QuantizeLinear", "DequantizeLinear", "Relu", "Identity", "Neg", "Sqrt", "Abs")
_BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Pow")


def channels_first(model: ir.Model) -> ir.Model:
    """Turn every image input with its channels last, in place; names of inputs and outputs stay."""
    for value in tuple(model.graph.inputs):
        shape = static_shape(value)
        if shape is not None and len(shape) == 4 and shape[3] in _CHANNELS and shape[1] not in _CHANNELS:
            value.shape = ir.Shape([shape[axis] for axis in _TO_FIRST])
            _insert(model.graph, value, used_names(model.graph))
    return model


def _insert(graph: ir.Graph, value: ir.Value, taken: set[str]) -> None:
    """Let everyone who reads the value, whose channels are now first, read it turned; push the turning on."""
    readers = [(use.node, use.idx) for use in value.uses()]
    name = fresh_name(f"{value.name}_channels_last", taken)
    turn = ir.node("Transpose", [value], {"perm": list(_TO_LAST)}, name=name)
    turned = turn.outputs[0]
    shape = static_shape(value)
    turned.name, turned.type = name, value.type
    turned.shape = None if shape is None else ir.Shape([shape[axis] for axis in _TO_LAST])
    for node, position in readers:
        node.replace_input_with(position, turned)
    for position, output in enumerate(graph.outputs):
        if output is value and not value.is_graph_input():
            turned.name, value.name = value.name, fresh_name(f"{value.name}_channels_first", taken)
            graph.outputs[position] = turned
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], turn)
    else:
        graph.insert_after(producer, turn)
    for node in dict.fromkeys(node for node, _ in readers):
        _push(graph, value, turned, node, taken)
    if not turned.uses() and not turned.is_graph_output():
        graph.remove(turn, safe=True)


def _push(graph: ir.Graph, value: ir.Value, turned: ir.Value, node: ir.Node, taken: set[str]) -> None:
    if is_op(node, "Transpose"):  # case 1
        perm = node.attributes.get_ints("perm")
        if tuple(perm or ()) == _TO_FIRST and not node.outputs[0].is_graph_output():
            ir.convenience.replace_all_uses_with(node.outputs[0], value)
            graph.remove(node, safe=True)
        return
    if not _is_elementwise(node, turned):
        return
    for position, other in enumerate(tuple(node.inputs)):  # case 2
        if other is turned:
            node.replace_input_with(position, value)
        elif other is not None and is_op(node, *_BINARY):
            array = constant(other)
            assert array is not None, "only constants are beside it"
            if array.size > 1:
                spread = np.asarray(array).reshape(-1, 1, 1)
                node.replace_input_with(position, new_initializer(graph, f"{other.name}_channels_first", spread, taken))
    made = node.outputs[0]
    shape = static_shape(made)
    made.shape = None if shape is None else ir.Shape([shape[axis] for axis in _TO_FIRST])
    _insert(graph, made, taken)


def _is_elementwise(node: ir.Node, turned: ir.Value) -> bool:
    if is_op(node, *_UNARY):
        others = [constant(value) for value in node.inputs[1:] if value is not None]
        return all(array is not None and array.size == 1 for array in others)
    if not is_op(node, *_BINARY):
        return False
    shape = static_shape(turned)
    channels = shape[3] if shape is not None else None
    for other in node.inputs:
        if other is turned:
            continue
        array = constant(other)
        if array is None or array.ndim > 4:
            return False
        along_channels = array.ndim > 0 and array.shape[-1] == array.size == channels
        if array.size != 1 and not along_channels:
            return False
    return True
