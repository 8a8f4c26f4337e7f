"""Softmax and expectation (distribution focal loss) as a ratio of two sums, which runs several times faster.

Li et al. 2020, Generalized Focal Loss: a side of a box is ``sum_i i softmax(x)_i`` over ``n`` bins.
Exporters write a Softmax over a middle axis and a 1x1 convolution with the weights 0..n-1. Runtimes
transpose around such a Softmax and handle ``n`` values at a time. The same number is

    sum_i i exp(x_i - m) / sum_i exp(x_i - m),    m = max_i x_i

where both sums are one convolution with two output channels. The result differs by float rounding only. A
convolution that does more (a bias, strides, padding) is left alone.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.decode_tail import is_expectation
from detquant.graph.values import constant, is_op, is_used_once, new_initializer


def expectation_as_ratio(model: ir.Model) -> ir.Model:
    """A copy of the model with each Softmax + expectation pair rewritten; value names at the edges stay.

    The same model where there is no Softmax.
    """
    if not any(is_op(node, "Softmax") for node in model.graph):
        return model
    model = model.clone()
    graph = model.graph
    for conv in list(graph):
        softmax = conv.inputs[0].producer() if conv.inputs and conv.inputs[0] is not None else None
        if softmax is None or not is_op(softmax, "Softmax") or not _is_plain_expectation(conv):
            continue
        if softmax.attributes.get_int("axis", -1) != 1 or not is_used_once(softmax.outputs[0]):
            continue
        _rewrite(graph, softmax, conv)
    return model


def _is_plain_expectation(conv: ir.Node) -> bool:
    if not is_op(conv, "Conv") or not is_expectation(conv) or any(v is not None for v in conv.inputs[2:]):
        return False
    bins = constant(conv.inputs[1])
    if bins is None or len(bins) != 1:
        return False
    steps, padding = conv.attributes.get_ints("strides", ()), conv.attributes.get_ints("pads", ())
    return all(s == 1 for s in steps) and not any(padding)


def _rewrite(graph: ir.Graph, softmax: ir.Node, conv: ir.Node) -> None:
    x, y, weight = softmax.inputs[0], conv.outputs[0], conv.inputs[1]
    assert x is not None and weight is not None and weight.const_value is not None
    stem = y.name or "expectation"
    bins = weight.const_value.numpy()
    pair = new_initializer(graph, f"{stem}_bins_and_ones", np.concatenate([bins, np.ones_like(bins)]))
    axis = new_initializer(graph, f"{stem}_axis", np.array([1], np.int64))
    peak = ir.node("ReduceMax", [x, axis], attributes={"keepdims": 1}, name=f"{stem}/peak")
    moved = ir.node("Sub", [x, peak.outputs[0]], name=f"{stem}/moved")
    power = ir.node("Exp", [moved.outputs[0]], name=f"{stem}/exp")
    sums = ir.node("Conv", [power.outputs[0], pair], name=f"{stem}/sums")
    split = {"axis": 1, "num_outputs": 2}
    parts = ir.node("Split", [sums.outputs[0]], attributes=split, num_outputs=2, name=f"{stem}/parts")
    ratio = ir.node("Div", [parts.outputs[0], parts.outputs[1]], name=f"{stem}/ratio")
    new = [peak, moved, power, sums, parts, ratio]
    for node in new[:-1]:
        for k, out in enumerate(node.outputs):
            out.name, out.type = f"{node.name}_{k}", x.type
    _shapes(new, x, y)
    graph.insert_before(conv, new)
    old_name = y.name
    ir.convenience.replace_all_uses_with(y, ratio.outputs[0], replace_graph_outputs=True)
    graph.remove([conv, softmax], safe=True)
    ratio.outputs[0].name, ratio.outputs[0].type, ratio.outputs[0].shape = old_name, y.type, y.shape


def _shapes(new: list[ir.Node], x: ir.Value, y: ir.Value) -> None:
    if x.shape is None or y.shape is None:
        return
    full, one = [*x.shape], [*y.shape]
    two = [one[0], 2, *one[2:]]
    for node, shape in zip(new[:-1], (one, full, full, two, one), strict=True):
        for out in node.outputs:
            out.shape = ir.Shape(shape)
