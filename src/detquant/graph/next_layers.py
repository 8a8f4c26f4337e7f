"""The part of a graph between some tensors and the next layers with weights that read them.

What a layer makes of an error says more than the error itself. So from a tensor one goes on through all that has no
weight (activations, sums, joins, pooling, resizing, what only moves values) to the outputs of the layers behind it:

1. A path ends at the output of a layer with a constant weight, and at another of the tensors that one starts from.
2. A path that ends in the graph's outputs leads to no layer, and is left out.
3. Whatever else the paths read becomes an input, but for what one of these layers gives: that is read as it comes.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir

from detquant.graph.traits import weight_of
from detquant.graph.values import constant, values_by_name


def next_layers(model: ir.Model, tensors: Collection[str]) -> ir.Model | None:
    """The graph from some tensors to the layers that read them.

    Args:
        model: prepared. It is not changed.
        tensors: names of values of the graph.

    Returns:
        A model whose inputs are the tensors and what else is read on the way (case 3), and whose outputs are what the
        layers give, in graph order; all have the names that they have in the graph. None where no layer is reached.
    """
    values = values_by_name(model.graph)
    start = {values[name] for name in tensors}
    layers, between = _reached(start)
    if not layers:
        return None
    inside = _leading_to(layers, between)
    read = {v: None for node in inside for v in node.inputs if v is not None and constant(v) is None}
    given = [v for v in read if v in start or v.producer() not in inside]
    outputs = [node.outputs[0] for node in model.graph if node in layers]
    part = ir.convenience.extract(model.graph, given, outputs)
    return ir.Model(part, ir_version=model.ir_version)


def _reached(start: Collection[ir.Value]) -> tuple[set[ir.Node], set[ir.Node]]:
    """The layers that are reached from some values, and the nodes without weights that are passed (case 1)."""
    layers, between, waiting = set[ir.Node](), set[ir.Node](), list(start)
    while waiting:
        for node in waiting.pop().consumers():
            if node in between or node in layers:
                continue
            if weight_of(node) is not None:
                layers.add(node)
                continue
            between.add(node)
            waiting += [v for v in node.outputs if v not in start]
    return layers, between


def _leading_to(layers: Collection[ir.Node], between: Collection[ir.Node]) -> set[ir.Node]:
    """The layers and those of the nodes between that lead to one (case 2)."""
    inside, waiting = set(layers), list(layers)
    while waiting:
        for value in waiting.pop().inputs:
            producer = value.producer() if value is not None else None
            if producer is not None and producer in between and producer not in inside:
                inside.add(producer)
                waiting.append(producer)
    return inside
