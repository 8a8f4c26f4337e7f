"""Bring a float32 graph to float16 between its inputs and outputs, which stay float32.

1. An initializer of float32 becomes float16; one that has no number there is refused.
2. What an operator wants in float32 by its definition stays: scales of Resize (see `KEEPS`).
3. A Cast to float32 casts to float16.
4. An operator that exists in float32 only (see `FLOAT32_ONLY`) is fed through casts.
5. Each input is cast on its way in, each output on its way out.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.graph.values import constant, fresh_name, is_op, new_initializer, used_names

KEEPS = {"Resize": (1, 2)}
"""Inputs, by place, that are float32 whatever the data is."""
FLOAT32_ONLY = ("NonMaxSuppression",)
LARGEST = float(np.finfo(np.float16).max)


def to_half(model: ir.Model) -> ir.Model:
    """A copy of the model that computes in float16.

    Args:
        model: prepared: constants are initializers. Not changed.

    Raises:
        ModelError: a weight is too large for half precision.
    """
    half = model.clone()
    graph, names = half.graph, used_names(half.graph)
    floats = [v for v in graph.initializers.values() if v.dtype == ir.DataType.FLOAT]
    for value in floats:
        _halve(graph, value, names)
    for node in list(graph):
        if is_op(node, "Cast") and node.attributes.get_int("to", 0) == ir.DataType.FLOAT:
            node.attributes["to"] = ir.AttrInt64("to", int(ir.DataType.FLOAT16))
        for out in node.outputs:
            if out.dtype == ir.DataType.FLOAT:
                out.type = ir.TensorType(ir.DataType.FLOAT16)  # another object: values share theirs
    for image in graph.inputs:
        if image.dtype == ir.DataType.FLOAT:
            readers = list(image.uses())
            cast = _cast(graph, image, ir.DataType.FLOAT16, names)
            for use in readers:
                use.node.replace_input_with(use.idx, cast)
    for node in list(graph):
        if is_op(node, *FLOAT32_ONLY):
            _feed_in_float(node, names)
    _outputs_in_float(graph, names)
    return half


def _halve(graph: ir.Graph, value: ir.Value, names: set[str]) -> None:
    """Makes an initializer float16 (cases 1 and 2); one that is read in both precisions is kept twice."""
    uses = [use for use in value.uses() if use.idx not in KEEPS.get(use.node.op_type, ())]
    array = constant(value)
    if not uses or array is None:
        return
    if array.size and float(np.abs(array).max()) > LARGEST:
        raise ModelError(
            f"'{value.name}' holds {float(np.abs(array).max()):.3g}, and half precision ends at {LARGEST:.0f}: export "
            f"the model in fp32."
        )
    name = value.name or ""
    everywhere = len(uses) == len(value.uses())
    if everywhere:
        graph.initializers.pop(name)
        names.discard(name)
    halved = new_initializer(graph, name, array.astype(np.float16), names)
    for use in uses:
        use.node.replace_input_with(use.idx, halved)


def _feed_in_float(node: ir.Node, names: set[str]) -> None:
    """Feeds an operator that exists in float32 only through casts (case 4); it gives indices, which stay."""
    graph = node.graph
    assert isinstance(graph, ir.Graph), "a node of the main graph"
    for place, value in enumerate(node.inputs):
        if value is not None and value.dtype == ir.DataType.FLOAT16:
            node.replace_input_with(place, _cast(graph, value, ir.DataType.FLOAT, names, before=node))


def _outputs_in_float(graph: ir.Graph, names: set[str]) -> None:
    """Casts the graph's outputs back to float32 under their names (case 5)."""
    for place, value in enumerate(list(graph.outputs)):
        if value.dtype != ir.DataType.FLOAT16:
            continue
        name = value.name or ""
        value.name = fresh_name(f"{name}_half", names)
        cast = _cast(graph, value, ir.DataType.FLOAT, names)
        cast.name = name
        graph.outputs[place] = cast


def _cast(
    graph: ir.Graph, value: ir.Value, dtype: ir.DataType, names: set[str], before: ir.Node | None = None
) -> ir.Value:
    """The value in another precision, from a new node before a node, or where its producer or the graph begins."""
    name = fresh_name(f"{value.name}_{dtype.name.lower()}", names)
    out = ir.Value(name=name, shape=value.shape, type=ir.TensorType(dtype))
    node = ir.Node("", "Cast", [value], [ir.AttrInt64("to", int(dtype))], outputs=[out], name=name)
    producer = value.producer()
    if before is not None:
        graph.insert_before(before, node)
    elif producer is not None:
        graph.insert_after(producer, node)
    else:
        graph.insert_before(graph[0], node)
    return out
