"""A node as a matrix product.

1. Conv: the patch under the kernel, cut out of the padded map.
2. ConvTranspose: a convolution with the kernel turned around, over the map with zeros between its cells.
3. Gemm and MatMul: one group, the rows of the input.
4. A layer of so many inputs that a matrix of inputs by inputs would not fit in memory: its inputs in parts, as if each
   were a group. Each part is solved for what it gives in float, and its share of what all of them are off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.map_forms import ConvForm, TransposedForm
from detquant.algorithms.layerwise.matrix_form import MatrixForm
from detquant.algorithms.layerwise.parts_form import in_parts
from detquant.graph.traits import weight_of
from detquant.graph.values import constant, static_shape
from detquant.graph.window import Window, window_of
from detquant.numerics.arrays import Floats


def rows_of(node: ir.Node, form: LayerForm) -> Floats:
    """The weight of a layer as the rows of its matrix product, ``[G, O, K]``."""
    weight = constant(weight_of(node))
    assert weight is not None, "a layer with a constant weight"
    return np.asarray(form.rows(np.asarray(weight)), np.float32)


def layer_form(node: ir.Node) -> LayerForm | None:
    """The layer as a matrix product; None where it is of no kind that has one, or of shapes that are not known.

    Args:
        node: a weighted operator with a constant weight.
    """
    weight = constant(weight_of(node))
    shape = static_shape(node.inputs[0]) if node.inputs else None
    out = static_shape(node.outputs[0])
    if weight is None or shape is None or out is None:
        return None
    if node.op_type == "Conv":
        form = _conv(node, weight.shape, shape, out)
    elif node.op_type == "ConvTranspose":
        form = _transposed(node, weight.shape, shape, out)
    else:
        form = _matrix(node, weight.shape, shape)
    return None if form is None else in_parts(form, form.rows(weight).shape)


def _conv(node: ir.Node, weight: Sequence[int], shape: Sequence[int], out: Sequence[int]) -> LayerForm | None:
    try:
        window = window_of(node, weight[2:], shape, out)
    except ValueError:
        return None
    if shape[0] != 1:
        return None
    return ConvForm(tuple(weight), window, node.attributes.get_int("group", 1), (out[2], out[3]))


def _transposed(node: ir.Node, weight: Sequence[int], shape: Sequence[int], out: Sequence[int]) -> LayerForm | None:
    attributes = node.attributes
    if len(shape) != 4 or shape[0] != 1 or attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return None
    strides, dilations = (tuple(attributes.get_ints(name, (1, 1))) for name in ("strides", "dilations"))
    before = tuple(attributes.get_ints("pads", (0, 0, 0, 0)))[:2]
    pads = []
    for axis in (0, 1):
        reach = dilations[axis] * (weight[2 + axis] - 1)
        first = reach - before[axis]
        rows = (shape[2 + axis] - 1) * strides[axis] + 1
        pads.append((first, out[2 + axis] + reach - rows - first))
    window = Window((weight[2], weight[3]), (1, 1), (dilations[0], dilations[1]), (pads[0], pads[1]))
    groups = attributes.get_int("group", 1)
    return TransposedForm(tuple(weight), window, groups, (out[2], out[3]), (strides[0], strides[1]))


def _matrix(node: ir.Node, weight: Sequence[int], shape: Sequence[int]) -> LayerForm | None:
    attributes = node.attributes
    if len(weight) != 2 or attributes.get_int("transA") or attributes.get_float("beta", 1.0) != 1.0:
        return None
    turned = node.op_type == "Gemm" and bool(attributes.get_int("transB", 0))
    factor = attributes.get_float("alpha", 1.0) if node.op_type == "Gemm" else 1.0
    return MatrixForm(turned, int(np.prod(shape[:-1])), factor)
