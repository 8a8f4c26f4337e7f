"""Fold BatchNormalization into the convolution or matrix product before it.

At inference BatchNormalization is an affine map of each channel c,

    y[c] = gamma[c] * (x[c] - mean[c]) / sqrt(var[c] + eps) + beta[c] = s[c] * x[c] + t[c]
    s = gamma / sqrt(var + eps)        t = beta - s * mean

and with x = W z + b it is one more linear layer: W' = s W, b' = s b + t.

1. Conv: W is [M, C/group, ...]; output channel m is row m, whatever the groups, so W'[m] = s[m] W[m].
2. ConvTranspose: W is [C, M/group, ...]; row i is in group g = i // (C/group) and its column j makes output
   channel g * M/group + j, so W'[i, j] = s[g * M/group + j] W[i, j].
3. Gemm: Y = alpha A B + beta C, the channel is B's second axis (first if transB). B' = s B, and
   C' = s beta C + t with beta' = 1.

Not folded: a layer whose output someone else reads too, weights that are computed, training mode, or
statistics that give numbers that are not finite. Weights that two layers share are copied, not changed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op, is_used_once, new_initializer, used_names
from detquant.numerics.arrays import Array, Doubles


def fold_batchnorm(model: ir.Model) -> ir.Model:
    """Fold every BatchNormalization that can be folded, in place."""
    names = used_names(model.graph)
    for node in tuple(model.graph):
        if is_op(node, "BatchNormalization"):
            _fold(model.graph, node, names)
    return model


def _fold(graph: ir.Graph, batchnorm: ir.Node, names: set[str]) -> None:
    affine = affine_of(batchnorm)
    if affine is not None:
        fold_into_layer(graph, batchnorm, batchnorm.inputs[0], *affine, names)


def fold_into_layer(
    graph: ir.Graph, follower: ir.Node, value: ir.Value | None, slope: Doubles, offset: Doubles, names: set[str]
) -> bool:
    """Fold slope * x + offset into the layer that makes x, if that can be done.

    Args:
        graph: is changed.
        follower: the node that computes it; vanishes.
        value: x.
        slope: a number for each channel of x.
        offset: alike.
        names: `used_names` of the graph, kept up to date.

    Returns:
        Whether it was folded.
    """
    layer = value.producer() if value is not None else None
    if value is None or layer is None or layer.op_type not in _FOLDS or layer.domain != follower.domain:
        return False
    if layer.graph is not graph or not is_used_once(value):
        return False
    folded = _FOLDS[layer.op_type](layer, slope, offset)
    if folded is None:
        return False
    old = layer.inputs[1]
    dtype = _dtype(old)
    with np.errstate(all="ignore"):
        weight, bias = (array.astype(dtype) for array in folded)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):  # each alone fits its type, the product does not
        return False
    prefix = old.name if old is not None else layer.name
    weight_value = new_initializer(graph, f"{prefix}_bn_folded", weight, names)
    bias_value = new_initializer(graph, f"{prefix}_bn_bias", bias, names)
    layer.resize_inputs(3)
    layer.replace_input_with(1, weight_value)
    layer.replace_input_with(2, bias_value)
    _take_place(layer, follower)
    return True


def _dtype(value: ir.Value | None) -> np.dtype[np.generic]:
    """The element type of a constant; float32 if it is none."""
    array = constant(value)
    return np.dtype(np.float32) if array is None else array.dtype


def affine_of(batchnorm: ir.Node) -> tuple[Doubles, Doubles] | None:
    """Slope s and offset t of each channel, or None if this is not a fixed affine map."""
    if batchnorm.attributes.get_int("training_mode", 0) or any(out.uses() for out in batchnorm.outputs[1:]):
        return None
    arrays = [constant(value) for value in batchnorm.inputs[1:5]]
    gamma, beta, mean, var = (None if a is None else np.asarray(a, np.float64) for a in arrays)
    if gamma is None or beta is None or mean is None or var is None:
        return None
    eps = batchnorm.attributes.get_float("epsilon", 1e-5)
    with np.errstate(all="ignore"):
        slope = gamma / np.sqrt(var + eps)
        offset = beta - slope * mean
    return (slope, offset) if np.isfinite(slope).all() and np.isfinite(offset).all() else None


def _weight_and_bias(layer: ir.Node) -> tuple[Doubles, Doubles | None] | None:
    weight = constant(layer.inputs[1])
    has_bias = len(layer.inputs) > 2 and layer.inputs[2] is not None
    bias = constant(layer.inputs[2]) if has_bias else None
    if weight is None or (has_bias and bias is None):
        return None
    with np.errstate(all="ignore"):  # a NaN that signals
        return np.asarray(weight, np.float64), None if bias is None else np.asarray(bias, np.float64)


def _fold_conv(layer: ir.Node, slope: Doubles, offset: Doubles) -> tuple[Array, Array] | None:
    """Weight and bias of a Conv with the affine map folded in (case 1); None where it cannot be."""
    constants = _weight_and_bias(layer)
    if constants is None or constants[0].shape[0] != slope.size:
        return None
    weight, bias = constants
    spread = slope.reshape(-1, *[1] * (weight.ndim - 1))
    return weight * spread, offset if bias is None else slope * bias + offset


def _fold_conv_transpose(layer: ir.Node, slope: Doubles, offset: Doubles) -> tuple[Array, Array] | None:
    """Weight and bias of a ConvTranspose with the affine map folded in (case 2); None where it cannot be."""
    constants = _weight_and_bias(layer)
    group = layer.attributes.get_int("group", 1)
    if constants is None or constants[0].shape[1] * group != slope.size:
        return None
    weight, bias = constants
    spread = np.repeat(slope.reshape(group, -1), weight.shape[0] // group, axis=0)  # [C, M/group]
    spread = spread.reshape(*spread.shape, *[1] * (weight.ndim - 2))
    return weight * spread, offset if bias is None else slope * bias + offset


def _fold_gemm(layer: ir.Node, slope: Doubles, offset: Doubles) -> tuple[Array, Array] | None:
    """Matrix and bias of a Gemm with the affine map folded in (case 3); None where it cannot be."""
    constants = _weight_and_bias(layer)
    if constants is None:
        return None
    weight, bias = constants
    channels_first = layer.attributes.get_int("transB", 0) == 1
    if weight.shape[0 if channels_first else 1] != slope.size:
        return None
    if bias is not None:
        offset = slope * layer.attributes.get_float("beta", 1.0) * bias + offset
    layer.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
    return weight * (slope[:, None] if channels_first else slope), offset


_FOLDS: dict[str, Callable[[ir.Node, Doubles, Doubles], tuple[Array, Array] | None]] = {
    "Conv": _fold_conv,
    "ConvTranspose": _fold_conv_transpose,
    "Gemm": _fold_gemm,
}


def _take_place(layer: ir.Node, batchnorm: ir.Node) -> None:
    """Let the layer give what the BatchNormalization gave, under its name if the graph gives it out."""
    inner, outer = layer.outputs[0], batchnorm.outputs[0]
    is_output, name = outer.is_graph_output(), outer.name
    ir.convenience.replace_all_uses_with(outer, inner, replace_graph_outputs=True)
    if batchnorm.graph is not None:
        batchnorm.graph.remove(batchnorm, safe=True)
    if is_output:
        inner.name = name
