"""ReduceMean over height and width as GlobalAveragePool: the same function, and the one that has integer kernels."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op, new_initializer, static_shape, used_names

PLACES = {2, 3}


def mean_as_pool(model: ir.Model) -> ir.Model:
    """A copy in which a mean over both axes of places of a map is a pooling, and a Reshape where these axes go.

    The same model where there is no mean.
    """
    if not any(is_op(node, "ReduceMean") for node in model.graph):
        return model
    copy = model.clone()
    names = used_names(copy.graph)
    for node in list(copy.graph):
        shape = static_shape(node.inputs[0]) if node.inputs else None
        if not is_op(node, "ReduceMean") or shape is None or len(shape) != 4 or _axes(node) != PLACES:
            continue
        pool = ir.node("GlobalAveragePool", [node.inputs[0]], name=node.name)
        made = [pool]
        if not node.attributes.get_int("keepdims", 1):
            wanted = new_initializer(copy.graph, f"{node.name}_shape", np.array(shape[:2], np.int64), names)
            pool.outputs[0].name = f"{node.outputs[0].name}_pooled"
            pool.outputs[0].shape, pool.outputs[0].type = ir.Shape((*shape[:2], 1, 1)), node.outputs[0].type
            made.append(ir.node("Reshape", [pool.outputs[0], wanted], name=f"{node.name}/Reshape"))
        ir.convenience.replace_nodes_and_values(copy.graph, node, [node], made, node.outputs, made[-1].outputs)
    return copy


def _axes(node: ir.Node) -> set[int]:
    """The axes of a map that the node reduces; none where they are computed."""
    stored = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    given = node.attributes.get_ints("axes", ()) if stored is None else stored.reshape(-1).tolist()
    return {int(axis) % 4 for axis in given}
