"""LeakyRelu as PRelu: ``max(x, 0) + a min(x, 0)`` with one slope for each channel, all the same."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import is_op, new_initializer, put_instead, static_shape, used_names


def leaky_as_prelu(model: ir.Model) -> ir.Model:
    """A copy of the model in which every LeakyRelu of a map is a PRelu; the same function."""
    copy = model.clone()
    names = used_names(copy.graph)
    for node in list(copy.graph):
        shape = static_shape(node.outputs[0])
        if not is_op(node, "LeakyRelu") or shape is None or len(shape) < 2:
            continue
        slope = np.full((shape[1], *[1] * (len(shape) - 2)), node.attributes.get_float("alpha", 0.01), np.float32)
        slopes = new_initializer(copy.graph, f"{node.name}_slope", slope, names)
        made = ir.node("PRelu", [node.inputs[0], slopes], name=node.name)
        put_instead(copy.graph, node, made)
    return copy
