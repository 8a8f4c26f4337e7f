"""Give image inputs their channels first: TensorFlow's nets take [1, height, width, 3], the house [1, 3, h, w].

The input is turned, and a Transpose behind it gives the graph what it had. Then this Transpose, and all others to
channels last, are pushed on:

1. before a Transpose that turns the image back, both vanish: the usual case, for convolutions want channels first;
2. through operators on each element (casts, clipping, activations, QuantizeLinear of one scale), and through those
   with a constant of one number or of one number a channel: (x - 127.5) / 127.5, PReLU;
3. through Slice, Pad, Resize, Split and means that keep their axes, whose axes are put in the other order: an image
   turned from RGB to BGR, padded, resized;
4. through Concat and operators on several maps, where all maps are turned;
5. elsewhere it stays.

An input is such an image if its last dimension is 1, 3 or 4 and its second is not; see `image_layout`.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.image_layout import channels_are_last
from detquant.graph.values import constant, fresh_name, is_op, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

_TO_LAST = (0, 2, 3, 1)
_TO_FIRST = (0, 3, 1, 2)

_REDUCED = ("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin")
_UNARY = (
    *("Cast", "Clip", "QuantizeLinear", "DequantizeLinear", "Identity", "Dropout"),
    *("Neg", "Abs", "Sign", "Sqrt", "Exp", "Log", "Erf", "Reciprocal", "Floor", "Ceil", "Round", "Sin", "Cos"),
    *("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh"),
    *("Softplus", "Softsign", "ThresholdedRelu"),
)
_BY_AXIS = {"Slice": (3,), "Pad": (1,), "Resize": (2, 3), "Split": (), **dict.fromkeys(_REDUCED, (1,))}
"""Operators of case 3, with the positions of the constants that speak of axes."""
_NAMING = {"Slice": 3, **dict.fromkeys(_REDUCED, 1)}
"""Operators of case 3 whose constant numbers the axes; the others have a number for each axis."""
_BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "PRelu")


def channels_first(model: ir.Model) -> ir.Model:
    """Turn every image input with its channels last, in place; names of inputs and outputs stay."""
    taken = used_names(model.graph)
    for value in tuple(model.graph.inputs):
        shape = static_shape(value)
        if shape is not None and channels_are_last(shape):
            value.shape = ir.Shape([shape[axis] for axis in _TO_FIRST])
            _insert(model.graph, value, taken)
    while _push_all(model.graph, taken):
        pass  # each time a Transpose that waited for another is nearer to the outputs, or gone
    return model


def _push_all(graph: ir.Graph, taken: set[str]) -> bool:
    """Push each Transpose as far as it goes: what is put behind a node is met on the way. Whether any was moved."""
    moved = False
    for node in graph:
        moved |= _is_turn(node, _TO_LAST) and _push_on(graph, node, taken)
    return moved


def _is_turn(node: ir.Node | None, perm: tuple[int, ...]) -> bool:
    return node is not None and is_op(node, "Transpose") and tuple(node.attributes.get_ints("perm") or ()) == perm


def _insert(graph: ir.Graph, value: ir.Value, taken: set[str]) -> None:
    """Let everyone who reads the value, whose channels are now first, read it turned."""
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


def _push_on(graph: ir.Graph, turn: ir.Node, taken: set[str]) -> bool:
    """Push one Transpose through all of its readers that allow it; whether any did."""
    value, turned = turn.inputs[0], turn.outputs[0]
    if turn.graph is None or value is None:
        return False
    readers = tuple(dict.fromkeys(use.node for use in turned.uses()))
    moved = [_push(graph, value, turned, node, taken) for node in readers]
    if not turned.uses() and not turned.is_graph_output():
        graph.remove(turn, safe=True)
    return any(moved)


def _push(graph: ir.Graph, value: ir.Value, turned: ir.Value, node: ir.Node, taken: set[str]) -> bool:
    """Push a Transpose through one of its readers, if it allows it."""
    if is_op(node, "Transpose"):  # case 1
        if not _is_turn(node, _TO_FIRST) or node.outputs[0].is_graph_output():
            return False
        ir.convenience.replace_all_uses_with(node.outputs[0], value)
        graph.remove(node, safe=True)
        return True
    if is_op(node, *_BY_AXIS):  # case 3
        arrays = _by_axis(node)
        if arrays is None:
            return False
        node.replace_input_with(0, value)
        for position, array in arrays.items():
            node.replace_input_with(position, new_initializer(graph, f"{node.name}_channels_first", array, taken))
        if is_op(node, "Split"):
            node.attributes["axis"] = ir.AttrInt64("axis", _axis_of(node))
    elif is_op(node, "Concat") or _is_elementwise(node, turned):  # cases 2 and 4
        if not _turn_inputs(graph, node, turned, taken):
            return False
    else:
        return False
    for made in node.outputs:
        shape = static_shape(made)
        made.shape = None if shape is None else ir.Shape([shape[axis] for axis in _TO_FIRST])
        _insert(graph, made, taken)
    return True


def _axis_of(node: ir.Node) -> int:
    """The axis that the node speaks of, before its channels came first, as it is now."""
    return _TO_LAST[node.attributes.get_int("axis", 0) % 4]


def _turn_inputs(graph: ir.Graph, node: ir.Node, turned: ir.Value, taken: set[str]) -> bool:
    """Let a node of cases 2 or 4 read everything with its channels first; only if all of it can be."""
    found: dict[int, ir.Value] = {}
    for position, other in enumerate(node.inputs):
        array, producer = constant(other), None if other is None else other.producer()
        if other is None or (array is not None and array.size == 1):
            continue
        if array is not None:
            turned_array = array.transpose(_TO_FIRST) if array.ndim == 4 else array.reshape(-1, 1, 1)
            found[position] = new_initializer(graph, f"{other.name}_channels_first", turned_array, taken)
        elif producer is not None and _is_turn(producer, _TO_LAST) and producer.inputs[0] is not None:
            found[position] = producer.inputs[0]
        else:
            return False
    if is_op(node, "Concat"):
        node.attributes["axis"] = ir.AttrInt64("axis", _axis_of(node))
    for position, source in found.items():
        node.replace_input_with(position, source)
    return True


def _by_axis(node: ir.Node) -> dict[int, Array] | None:
    """The constants of a node of case 3 in the other order, by position; None if one is computed or axes are named."""
    wanted = {position: node.inputs[position] for position in _BY_AXIS[node.op_type] if position < len(node.inputs)}
    arrays = {position: constant(value) for position, value in wanted.items() if value is not None}
    found = {position: array for position, array in arrays.items() if array is not None}
    if len(found) != len(arrays) or "axes" in node.attributes:
        return None
    if node.op_type in _NAMING:
        position = _NAMING[node.op_type]
        axes = found.get(position)
        if axes is None or (node.op_type in _REDUCED and not node.attributes.get_int("keepdims", 1)):
            return None
        # the channels, axis 3 of the turned map, are axis 1 of the map itself
        return {position: np.array([_TO_LAST[int(axis) % 4] for axis in axes], np.int64)}
    if node.op_type == "Pad" and len(node.inputs) > 3 and node.inputs[3] is not None:
        return None
    order = [place + 4 * half for half in range(2) for place in _TO_FIRST] if node.op_type == "Pad" else list(_TO_FIRST)
    return {position: array[order] for position, array in found.items() if array.size == len(order)}


def _is_elementwise(node: ir.Node, turned: ir.Value) -> bool:
    """Whether the node works element by element (case 2); its other maps are judged by `_turn_inputs` (case 4)."""
    if is_op(node, *_UNARY):
        others = [constant(value) for value in node.inputs[1:] if value is not None]
        return all(array is not None and array.size == 1 for array in others)
    if not is_op(node, *_BINARY):
        return False
    shape = static_shape(turned)
    channels = shape[3] if shape is not None else None
    arrays = [array for array in map(constant, node.inputs) if array is not None and array.size != 1]
    return all(array.ndim in (1, 2, 3, 4) and array.shape[-1] == array.size == channels for array in arrays)
