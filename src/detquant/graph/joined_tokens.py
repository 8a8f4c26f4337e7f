"""Join rows of tokens as maps, for OpenVINO.

Transformers of several maps turn each into rows of tokens, [1, cells, values], and join these along the cells. OpenVINO
(2026.4) moves a grid behind a join before it, one for each row where it has a zero point, and fails to compile the
MatMul that reads them: "cannot be broadcasted". It does not where the join has four dimensions and a Reshape follows:

    Concat([1, n_k, v], axis 1)  =  Reshape(Concat([1, 1, n_k, v], axis 2), [1, n, v])
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import fresh_name, is_op, new_initializer, static_shape, used_names

_RANK = 3


def with_tokens_joined_as_maps(model: ir.Model) -> ir.Model:
    """A copy of a model whose joins of tokens on grids have four dimensions; the model itself where there are none.

    Args:
        model: a graph of `insert_qdq`, of static shapes.
    """
    if not any(_joins_tokens(node) for node in model.graph):
        return model
    copy = model.clone()
    taken = used_names(copy.graph)
    for node in [one for one in copy.graph if _joins_tokens(one)]:
        for place, value in enumerate(node.inputs):
            assert value is not None, "a join reads all of its inputs"
            shape = static_shape(value) or ()
            made = _reshaped(copy.graph, value, (1, 1, *shape[1:]), taken)
            node.replace_input_with(place, made.outputs[0])
            copy.graph.insert_before(node, made)
        node.attributes["axis"] = ir.AttrInt64("axis", 2)
        joined = node.outputs[0]
        shape, readers = static_shape(joined) or (), [(use.node, use.idx) for use in joined.uses()]
        joined.shape = ir.Shape((1, *shape))
        behind = _reshaped(copy.graph, joined, shape, taken)
        for reader, place in readers:
            reader.replace_input_with(place, behind.outputs[0])
        copy.graph.insert_after(node, behind)
    return copy


def _joins_tokens(node: ir.Node) -> bool:
    if not is_op(node, "Concat") or not any(is_op(use.node, "QuantizeLinear") for use in node.outputs[0].uses()):
        return False
    shapes = [static_shape(value) for value in (*node.inputs, *node.outputs)]
    rows = all(shape is not None and len(shape) == _RANK and shape[0] == 1 for shape in shapes)
    return rows and node.attributes.get_int("axis", 0) in (1, 1 - _RANK)


def _reshaped(graph: ir.Graph, value: ir.Value, shape: tuple[int, ...], taken: set[str]) -> ir.Node:
    name = fresh_name(f"{value.name}_as_{len(shape)}d", taken)
    sizes = new_initializer(graph, f"{name}_shape", np.array(shape, np.int64), taken)
    node = ir.node("Reshape", [value, sizes], name=name)
    made = node.outputs[0]
    made.name, made.shape, made.type = name, ir.Shape(shape), value.type
    return node
