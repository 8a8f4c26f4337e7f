"""A product or sum by channel that no layer could take in, as a depthwise 1x1 convolution, for integer kernels.

A BatchNormalization behind anything but a layer, as behind PReLU or at the start of a residual block, and the products
and sums that exporters write instead of it, are ``y = s[c] x + t[c]``: a convolution with groups of one channel, weight
``s`` and bias ``t``. Integer kernels have that one, with a scale for each channel, and few have the other.

1. BatchNormalization: s = gamma / sqrt(var + eps), t = beta - s mean.
2. x + c, x - c, c - x, x c, x / c with a number for each channel.

What stands directly behind a layer, such as the sum behind such a product, is folded into it. Left alone are maps that
are not ``[1, c, h, w]``, one number for all channels, and what belongs to the decode tail, where nothing is an integer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.fold_affine import by_channel
from detquant.graph.fold_batchnorm import affine_of, fold_into_layer
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.values import constant, is_op, new_initializer, put_instead, static_shape, used_names
from detquant.numerics.arrays import Doubles

_Affine = tuple[Doubles, Doubles]

_FORMS: dict[tuple[str, int], Callable[[Doubles], _Affine]] = {
    ("Add", 0): lambda c: (np.ones_like(c), c),
    ("Add", 1): lambda c: (np.ones_like(c), c),
    ("Sub", 0): lambda c: (np.ones_like(c), -c),
    ("Sub", 1): lambda c: (-np.ones_like(c), c),
    ("Mul", 0): lambda c: (c, np.zeros_like(c)),
    ("Mul", 1): lambda c: (c, np.zeros_like(c)),
    ("Div", 0): lambda c: (1 / c, np.zeros_like(c)),
}
"""Slope and offset that an operator applies to its map, from its constant; by its type and the map's place."""


def affine_as_conv(model: ir.Model) -> ir.Model:
    """A copy in which no map is multiplied or moved by channel outside a convolution; the same function."""
    copy = model.clone()
    names, tail = used_names(copy.graph), find_decode_tail(copy.graph).nodes
    for node in list(copy.graph):
        if node.graph is not copy.graph or node in tail:
            continue
        found = _affine(node)
        if found is not None and not fold_into_layer(copy.graph, node, found[0], *found[1], names):
            _rewrite(copy.graph, node, *found, names)
    RemoveUnusedNodesPass()(copy)
    return infer_shapes(copy)


def _affine(node: ir.Node) -> tuple[ir.Value, _Affine] | None:
    """The map and what is done to it, or None where that is another thing."""
    if is_op(node, "BatchNormalization"):
        value, affine = node.inputs[0], affine_of(node)
    elif is_op(node, *{op for op, _ in _FORMS}):
        place = 1 if constant(node.inputs[0]) is not None else 0
        value, affine = node.inputs[place], _by_constant(node, place)
    else:
        return None
    shape = static_shape(value)
    if value is None or affine is None or shape is None or len(shape) != 4 or shape != static_shape(node.outputs[0]):
        return None
    return value, affine


def _by_constant(node: ir.Node, place: int) -> _Affine | None:
    """The map with its slope and offset, for an operator with a constant by channel (case 2); None for any other."""
    shape, array = static_shape(node.inputs[place]), constant(node.inputs[1 - place])
    form = _FORMS.get((node.op_type, place))
    if form is None or shape is None or array is None or array.size == 1 or len(shape) != 4:
        return None
    numbers = by_channel(np.asarray(array, np.float64), shape)
    if numbers is None or (node.op_type == "Div" and not numbers.all()):
        return None
    return form(numbers)


def _rewrite(graph: ir.Graph, node: ir.Node, value: ir.Value, affine: _Affine, names: set[str]) -> None:
    slope, offset = (array.astype(np.float32) for array in affine)
    weight = new_initializer(graph, f"{node.name}_slope", slope.reshape(-1, 1, 1, 1), names)
    bias = new_initializer(graph, f"{node.name}_offset", offset, names)
    put_instead(graph, node, ir.node("Conv", [value, weight, bias], {"group": slope.size}, name=node.name))
