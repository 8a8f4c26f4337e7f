"""A graph whose layers are given their weights as it runs, so that one session does for all roundings of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx_ir as ir

from detquant.graph.qdq import drop_unused_initializers
from detquant.graph.traits import weight_of
from detquant.numerics.arrays import Array

PREFIX = "detquant.weight:"


def with_open_weights(model: ir.Model, layers: Collection[str]) -> ir.Model:
    """A copy of the model with an input for the weight of each layer; `weight_feeds` makes what they are given.

    Args:
        model: prepared float graph.
        layers: names of layers with a constant weight. Each has an input of its own, also where two share a weight.
    """
    model = model.clone()
    for node in model.graph:
        weight = weight_of(node)
        if node.name not in layers or weight is None:
            continue
        given = ir.Value(name=f"{PREFIX}{node.name}", shape=weight.shape, type=weight.type)
        model.graph.inputs.append(given)
        node.replace_input_with(next(k for k, value in enumerate(node.inputs) if value is weight), given)
    drop_unused_initializers(model.graph)
    return model


def weight_feeds(weights: Mapping[str, Array]) -> dict[str, Array]:
    """What the inputs of `with_open_weights` are given, by the layers' names."""
    return {f"{PREFIX}{layer}": weight for layer, weight in weights.items()}
