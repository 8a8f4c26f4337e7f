"""Fold a constant product or sum behind a convolution into it.

TensorFlow has no bias in its convolutions, and its exporters write BatchNormalization as a product and a sum. With
one number c, or one a channel, and z = W x + b,

1. z + c and c + z:  W' = W,  b' = b + c
2. z - c:  W' = W,  b' = b - c
3. z c and c z:  W' = c W,  b' = c b
4. z / c:  W' = W / c,  b' = b / c, where c is not 0

Chains are folded one after the other. Not folded: what someone else reads too, weights that are computed or
quantised, and constants that differ within a channel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from detquant.graph.fold_batchnorm import fold_into_layer
from detquant.graph.values import constant, is_op, static_shape, used_names
from detquant.numerics.arrays import Doubles

_Affine = tuple[Doubles, Doubles]

_FORMS: dict[str, Callable[[Doubles], _Affine]] = {
    "Add": lambda c: (np.ones_like(c), c),
    "Sub": lambda c: (np.ones_like(c), -c),
    "Mul": lambda c: (c, np.zeros_like(c)),
    "Div": lambda c: (1 / c, np.zeros_like(c)),
}
_EITHER_SIDE = ("Add", "Mul")
_LAYERS = ("Conv", "ConvTranspose")


def fold_affine(model: ir.Model) -> ir.Model:
    """Fold every constant product and sum directly behind a convolution, in place."""
    names = used_names(model.graph)
    for node in tuple(model.graph):
        if is_op(node, *_FORMS):
            _fold(model.graph, node, names)
    return model


def _fold(graph: ir.Graph, node: ir.Node, names: set[str]) -> None:
    first, second = node.inputs
    value, other = (second, first) if constant(first) is not None and node.op_type in _EITHER_SIDE else (first, second)
    layer, array, shape = value.producer() if value is not None else None, constant(other), static_shape(value)
    if not is_op(layer, *_LAYERS) or array is None or shape is None:
        return
    numbers = by_channel(np.asarray(array, np.float64), shape)
    if numbers is None or (node.op_type == "Div" and not numbers.all()):
        return
    fold_into_layer(graph, node, value, *_FORMS[node.op_type](numbers), names)


def by_channel(array: Doubles, shape: tuple[int, ...]) -> Doubles | None:
    """A number for each channel of a map, or None if the constant is not of this form."""
    channels = shape[1]
    if array.ndim > len(shape):
        return None
    full = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
    if full.size == 1:
        return np.full(channels, full.item())
    return full.reshape(-1) if full.shape[1] == full.size == channels else None
