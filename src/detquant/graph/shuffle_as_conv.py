"""A channel shuffle as a 1x1 convolution, for chips that move no channels but multiply well.

ShuffleNet's Reshape, Transpose, Reshape puts channel ``p[c]`` of a map into the place of channel ``c`` and leaves rows
and columns alone. That is the convolution with ``w[c, p[c]] = 1`` and zeros elsewhere: exact in floats, and in codes on
one grid as well, since each output is one product with the largest code of its weight, which its scale takes back.
"""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.moves import moved
from detquant.graph.values import is_op, is_used_once, new_initializer, put_instead, static_shape, used_names
from detquant.numerics.arrays import Array

STEPS = ("Reshape", "Transpose", "Reshape")


def shuffle_as_conv(model: ir.Model) -> ir.Model:
    """A copy of the model in which every channel shuffle of a map is a convolution; the same function."""
    copy = model.clone()
    names = used_names(copy.graph)
    for last in list(copy.graph):
        steps = _steps(last)
        order = _order(steps) if steps else None
        if order is not None:
            _rewrite(copy.graph, steps, order, names)
    RemoveUnusedNodesPass()(copy)
    return copy


def _steps(last: ir.Node) -> list[ir.Node]:
    """The three nodes that end in this one and that nobody else looks into; none where it is something else."""
    found: list[ir.Node] = []
    node: ir.Node | None = last
    for kind in reversed(STEPS):
        if node is None or not is_op(node, kind) or (node is not last and not is_used_once(node.outputs[0])):
            return []
        found.insert(0, node)
        node = node.inputs[0].producer() if node.inputs[0] is not None else None
    return found


def _order(steps: list[ir.Node]) -> Array | None:
    """The source channel of each channel, ``[channels]``; None where the steps move more than whole channels."""
    shape = static_shape(steps[0].inputs[0])
    if shape is None or shape != static_shape(steps[-1].outputs[0]) or len(shape) != 4 or shape[0] != 1:
        return None
    before: Array = np.arange(prod(shape)).reshape(shape)
    after: Array | None = before
    for node in steps:
        after = moved(node, after) if after is not None else None
    if after is None:
        return None
    order = after[0, :, 0, 0] // prod(shape[2:])
    same = np.array_equal(order, np.arange(len(order)))
    return order if np.array_equal(before[:, order], after) and not same else None


def _rewrite(graph: ir.Graph, steps: list[ir.Node], order: Array, names: set[str]) -> None:
    weight = np.zeros((len(order), len(order), 1, 1), np.float32)
    weight[np.arange(len(order)), order] = 1
    name = steps[-1].name or ""
    stored = new_initializer(graph, f"{name}_order", weight, names)
    made = ir.node("Conv", [steps[0].inputs[0], stored], name=name)
    put_instead(graph, steps[-1], made)
