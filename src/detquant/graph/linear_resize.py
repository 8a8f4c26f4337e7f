"""Bilinear resizing by 2 and by 1/2 as operators of a convolutional net, for chips without half-pixel centres.

Output pixel ``i`` looks at ``(i + 1/2) / scale - 1/2``, between two pixels of the input:

1/2     in the middle of pixels 2i and 2i + 1: the mean of each 2 x 2 pixels, an AveragePool;
2       a quarter of the way off a pixel. With each pixel doubled (a, a, b, b, ...) that is the mean with weights
        1/4, 1/2, 1/4: 3/4 a + 1/4 b between them, a at the edge, where a copy of it is the neighbour.

The same function up to rounding. https://onnx.ai/onnx/operators/onnx__Resize.html, "half_pixel".
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.edge_border import edge_border
from detquant.graph.values import is_op, new_initializer, put_instead, static_shape, used_names

SMOOTH = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def linear_resize(model: ir.Model) -> ir.Model:
    """A copy of the model in which no bilinear Resize of a map is by 2 or by 1/2; the same function."""
    copy = model.clone()
    names = used_names(copy.graph)
    for node in list(copy.graph):
        factor = _factor(node)
        if factor == 0.5:
            window = {"kernel_shape": [2, 2], "strides": [2, 2]}
            put_instead(copy.graph, node, ir.node("AveragePool", [node.inputs[0]], attributes=window, name=node.name))
        elif factor == 2:
            put_instead(copy.graph, node, _doubled(copy.graph, node, names))
    RemoveUnusedNodesPass()(copy)
    return copy


def _factor(node: ir.Node) -> float | None:
    """The factor by which a node resizes rows and columns alike, bilinearly around half pixels; None for any other."""
    words = node.attributes
    if not is_op(node, "Resize") or words.get_string("mode", "nearest") != "linear":
        return None
    plain = not words.get_int("antialias", 0) and not words.get_int("exclude_outside", 0)
    centred = words.get_string("coordinate_transformation_mode", "half_pixel") in ("half_pixel", "pytorch_half_pixel")
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if before is None or after is None or len(before) != 4 or before[:2] != after[:2] or not plain or not centred:
        return None
    rows, columns = (after[k] / before[k] for k in (2, 3))
    return rows if rows == columns and min(*before[2:], *after[2:]) > 1 else None


def _doubled(graph: ir.Graph, node: ir.Node, names: set[str]) -> ir.Node:
    """The last of the operators that double a map: the one that smooths."""
    x = node.inputs[0]
    before, after = static_shape(x), static_shape(node.outputs[0])
    assert x is not None and before is not None and after is not None
    scales = new_initializer(graph, f"{node.name}_scales", np.array([1, 1, 2, 2], np.float32), names)
    nearest = ir.node("Resize", [x, None, scales], attributes=NEAREST, name=f"{node.name}_nearest")
    graph.insert_before(node, nearest)
    wide = nearest.outputs[0]
    wide.name, wide.shape, wide.type = nearest.name, ir.Shape(after), x.type
    bordered = edge_border(graph, node, wide, after, (1, 1, 1, 1), names)
    taps = np.tile(SMOOTH, (before[1], 1, 1, 1))
    weight = new_initializer(graph, f"{node.name}_smooth", taps, names)
    return ir.node("Conv", [bordered, weight], attributes={"group": before[1]}, name=node.name)
