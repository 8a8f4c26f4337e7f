"""Doubling by nearest neighbour as two concatenations, which move rows of channels, not single values.

With the channels last, ``x`` of shape ``[1, h, w, c]``:

    concat(x, x) over c        -> [1, h, w, 2c]   each pixel twice, side by side   -> read as [1, h, 1, 2wc]
    concat of that, over rows  -> [1, h, 2, 2wc]  each row twice, below each other -> read as [1, 2h, 2w, c]

Runtimes keep quantised maps with the channels last anyway, so the transposes at both ends cancel against
theirs, and what is left are block copies. ONNX Runtime's own Resize computes an index for each value of a
quantised map.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op, new_initializer, static_shape

DOUBLING = {
    ("asymmetric", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
}
"""Coordinate transformation and rounding for which output ``2k`` and ``2k + 1`` both read input ``k``."""


def nearest_as_concat(model: ir.Model) -> ir.Model:
    """A copy of the model with each nearest-neighbour doubling rewritten; the result keeps its name.

    The same model where there is none.
    """
    if not any(is_op(node, "Resize") and _doubles(node) for node in model.graph):
        return model
    model = model.clone()
    for node in list(model.graph):
        if is_op(node, "Resize") and _doubles(node):
            _rewrite(model.graph, node)
    return model


def _doubles(node: ir.Node) -> bool:
    x, y = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if x is None or y is None or len(x) != 4 or y != (x[0], x[1], 2 * x[2], 2 * x[3]):
        return False
    scales = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if scales is not None and scales.size and tuple(scales) != (1.0, 1.0, 2.0, 2.0):
        return False
    words = node.attributes
    how = (
        words.get_string("coordinate_transformation_mode", "half_pixel"),
        words.get_string("nearest_mode", "round_prefer_floor"),
    )
    return words.get_string("mode", "nearest") == "nearest" and how in DOUBLING


def _rewrite(graph: ir.Graph, node: ir.Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    shape = static_shape(x)
    assert x is not None and shape is not None
    n, c, h, w = shape
    stem, made = y.name or node.name or "resize", list[ir.Node]()

    def add(op: str, inputs: list[ir.Value], out: tuple[int, ...], **attributes: int | list[int]) -> ir.Value:
        new = ir.node(op, inputs, attributes=attributes, name=f"{stem}/{op}_{len(made)}")
        value = new.outputs[0]
        value.name, value.shape, value.type = f"{stem}/{op}_{len(made)}_output", ir.Shape(out), x.type
        made.append(new)
        return value

    def reshape(value: ir.Value, out: tuple[int, ...]) -> ir.Value:
        return add("Reshape", [value, new_initializer(graph, f"{stem}_shape", np.array(out, np.int64))], out)

    last = add("Transpose", [x], (n, h, w, c), perm=[0, 2, 3, 1])
    wide = reshape(add("Concat", [last, last], (n, h, w, 2 * c), axis=3), (n, h, 1, 2 * w * c))
    tall = reshape(add("Concat", [wide, wide], (n, h, 2, 2 * w * c), axis=2), (n, 2 * h, 2 * w, c))
    result = add("Transpose", [tall], (n, c, 2 * h, 2 * w), perm=[0, 3, 1, 2])
    name = y.name
    graph.insert_before(node, made)
    ir.convenience.replace_all_uses_with(y, result, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    result.name = name
