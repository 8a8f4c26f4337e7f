"""Transposed convolutions in the one form that LiteRT and its relatives have: no groups, no dilations, paddings told.

1. Groups: weight ``[c, m / g, kh, kw]`` becomes ``[c, m, kh, kw]`` with zeros where a group does not look.
   Channel ``i`` is in group ``i // (c / g)``, whose outputs are ``m / g`` from ``group * m / g`` on.
2. Dilations: a kernel of zeros between the taps.
3. ``auto_pad`` and ``output_shape``: the pads that they come to, by ONNX's formula
   ``stride (in - 1) + output_padding + (k - 1) dilation + 1 - out``, of which the larger half lies in front unless the
   padding is SAME_UPPER.

https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.graph.values import constant, is_op, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

AUTOMATIC = ("SAME_UPPER", "SAME_LOWER")


def dense_transpose(model: ir.Model) -> ir.Model:
    """A copy in which every ConvTranspose of a map with a constant weight is of that form; the same function."""
    if not any(is_op(node, "ConvTranspose") for node in model.graph):
        return model
    copy = model.clone()
    names = used_names(copy.graph)
    for node in copy.graph:
        weight = constant(node.inputs[1]) if is_op(node, "ConvTranspose") else None
        if weight is not None and weight.ndim == 4:
            _rewrite(copy.graph, node, weight, names)
    return copy


def _rewrite(graph: ir.Graph, node: ir.Node, weight: Array, names: set[str]) -> None:
    words = node.attributes
    groups, dilations = words.get_int("group", 1), words.get_ints("dilations", (1, 1))
    pads = _pads(node, weight.shape[2:])  # case 3
    dense = _spread(_ungrouped(weight, groups), dilations)
    for name in ("auto_pad", "output_shape", "group", "dilations", "kernel_shape"):
        words.pop(name, None)
    words["pads"] = ir.AttrInt64s("pads", pads)
    if dense.shape != weight.shape:
        stem = node.inputs[1].name if node.inputs[1] is not None else node.name
        node.replace_input_with(1, new_initializer(graph, f"{stem}_dense", dense, names))


def _ungrouped(weight: Array, groups: int) -> Array:
    """The weight ``[c, m, kh, kw]`` of one group, with zeros where a group does not look (case 1)."""
    if groups == 1:
        return weight
    ins, outs = weight.shape[0] // groups, weight.shape[1]
    dense = np.zeros((weight.shape[0], outs * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * ins, (group + 1) * ins)
        dense[rows, group * outs : (group + 1) * outs] = weight[rows]
    return dense


def _spread(weight: Array, dilations: Sequence[int]) -> Array:
    """The weight with zeros between its taps in place of dilations (case 2)."""
    sides = [(size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilations, strict=True)]
    spread = np.zeros((*weight.shape[:2], *sides), weight.dtype)
    spread[:, :, :: dilations[0], :: dilations[1]] = weight
    return spread


def _pads(node: ir.Node, kernel: tuple[int, ...]) -> list[int]:
    """The paddings of a ConvTranspose: in front of rows and columns, then behind them (case 3)."""
    words = node.attributes
    auto, given = words.get_string("auto_pad", "NOTSET"), list(words.get_ints("pads", (0, 0, 0, 0)))
    if auto == "VALID":
        given = [0, 0, 0, 0]
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if (auto not in AUTOMATIC and "output_shape" not in words) or before is None or after is None:
        return given
    strides, dilations, extra = (
        words.get_ints(name, (default, default))
        for name, default in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    totals = [
        strides[k] * (before[k + 2] - 1) + extra[k] + (kernel[k] - 1) * dilations[k] + 1 - after[k + 2] for k in (0, 1)
    ]
    small, large = ([total // 2 for total in totals], [total - total // 2 for total in totals])
    return [*small, *large] if auto == "SAME_UPPER" else [*large, *small]
