"""Let a model take and give float32: images as the families make them, outputs as they decode them.

1. An integer input becomes a float one. Casts of it to float vanish; a DequantizeLinear of it gets a QuantizeLinear
   in front, so that the caller gives the numbers that the codes stand for; whoever else reads it reads a Cast.
2. An output that a QuantizeLinear makes, perhaps turned or reshaped, gets a DequantizeLinear behind it, under the
   same name.

Whole numbers such as counts and class indices, which no QuantizeLinear makes, stay.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.values import constant, fresh_name, is_op, static_shape, used_names

_IMAGE_RANK = 4
_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")


def float_interface(model: ir.Model) -> ir.Model:
    """Make the image inputs and the quantised outputs of a graph float32, in place."""
    taken = used_names(model.graph)
    for value in tuple(model.graph.inputs):
        shape = static_shape(value)
        if shape is not None and len(shape) == _IMAGE_RANK and value.dtype is not None and value.dtype.is_integer():
            _float_input(model.graph, value, taken)
    for position, value in enumerate(model.graph.outputs):
        maker = _quantized_by(value)
        if maker is not None:
            model.graph.outputs[position] = _float_output(model.graph, value, maker, taken)
    return model


def _quantized_by(value: ir.Value) -> ir.Node | None:
    """The QuantizeLinear that makes an output, perhaps with moves behind it that keep its one scale."""
    node, moved = value.producer(), False
    while node is not None and is_op(node, *_MOVES) and node.inputs[0] is not None:
        node, moved = node.inputs[0].producer(), True
    if node is None or not is_op(node, "QuantizeLinear"):
        return None
    scale = constant(node.inputs[1])
    return None if moved and (scale is None or scale.size != 1) else node


def _float_input(graph: ir.Graph, value: ir.Value, taken: set[str]) -> None:
    """Makes an integer input of the graph a float one (case 1)."""
    dtype = value.dtype
    assert dtype is not None, "checked by the caller"
    value.type = ir.TensorType(ir.DataType.FLOAT)
    others: list[tuple[ir.Node, int]] = []
    for node, position in tuple(value.uses()):
        if is_op(node, "Cast") and node.attributes.get_int("to", 0) == ir.DataType.FLOAT.value:
            if not node.outputs[0].is_graph_output():
                ir.convenience.replace_all_uses_with(node.outputs[0], value)
                graph.remove(node, safe=True)
                continue
        elif is_op(node, "DequantizeLinear") and position == 0:
            codes = _new(graph, "QuantizeLinear", f"{value.name}_codes", [value, *node.inputs[1:]], dtype, value, taken)
            node.replace_input_with(0, codes)
            graph.insert_before(graph[0], _made_by(codes))
            continue
        others.append((node, position))
    if others:
        cast = _new(graph, "Cast", f"{value.name}_whole", [value], dtype, value, taken)
        _made_by(cast).attributes["to"] = ir.AttrInt64("to", dtype.value)
        for node, position in others:
            node.replace_input_with(position, cast)
        graph.insert_before(graph[0], _made_by(cast))


def _float_output(graph: ir.Graph, value: ir.Value, maker: ir.Node, taken: set[str]) -> ir.Value:
    """Makes a quantised output of the graph a float one, and returns it (case 2)."""
    producer = value.producer()
    assert producer is not None, "the maker is behind it"
    name = value.name or "output"
    value.name = fresh_name(f"{name}_codes", taken)
    found = _new(
        graph, "DequantizeLinear", f"{name}_float", [value, *maker.inputs[1:]], ir.DataType.FLOAT, value, taken
    )
    axis = maker.attributes.get_int("axis", 1)
    _made_by(found).attributes["axis"] = ir.AttrInt64("axis", axis)
    graph.insert_after(producer, _made_by(found))
    found.name = name
    return found


def _new(
    graph: ir.Graph,
    op_type: str,
    name: str,
    inputs: list[ir.Value | None],
    dtype: ir.DataType,
    like: ir.Value,
    taken: set[str],
) -> ir.Value:
    unique = fresh_name(name, taken)
    output = ir.node(op_type, inputs, name=unique).outputs[0]
    output.name, output.shape, output.type = unique, like.shape, ir.TensorType(dtype)
    return output


def _made_by(value: ir.Value) -> ir.Node:
    node = value.producer()
    assert node is not None, "made here"
    return node
