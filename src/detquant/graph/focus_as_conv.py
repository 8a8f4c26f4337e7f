"""The Focus layer of YOLOX and early YOLOv5 as one convolution: slices of every s-th pixel, joined, then a convolution.

With slice ``i`` taken at offsets ``(dy, dx)`` and ``C`` channels in the source, the convolution of the joined slices

    y[o, v, u] = sum w[o, i C + c, ky, kx] x[c, (v + ky - p) s + dy, (u + kx - p) s + dx]

is one of the source with stride ``s``, padding ``s p`` and ``w'[o, c, ky s + dy, kx s + dx] = w[o, i C + c, ky, kx]``:
the same products in a kernel ``s`` times as wide. It saves the slices, which some chips cannot take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.values import constant, is_op, is_used_once, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

AXES = (2, 3)
Sides = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Phase:
    """Every ``step``-th pixel of a source from ``start`` on, (rows, columns) each."""

    source: ir.Value
    start: Sides
    step: Sides


def focus_as_conv(model: ir.Model) -> ir.Model:
    """A copy of the model in which every Focus layer is a convolution; the same function.

    The same model where nothing is sliced.
    """
    if not any(is_op(node, "Slice") for node in model.graph):
        return model
    copy = model.clone()
    names = used_names(copy.graph)
    for conv in list(copy.graph):
        joined = conv.inputs[0].producer() if is_op(conv, "Conv") and conv.inputs[0] is not None else None
        phases = _phases(joined) if joined is not None and is_used_once(joined.outputs[0]) else None
        weight = constant(conv.inputs[1]) if phases else None
        if phases and weight is not None and _is_plain(conv, weight, len(phases)):
            _rewrite(copy.graph, conv, weight, phases, names)
    RemoveUnusedNodesPass()(copy)
    return copy


def _is_plain(conv: ir.Node, weight: Array, phases: int) -> bool:
    words = conv.attributes
    apart = words.get_int("group", 1) != 1 or set(words.get_ints("dilations", (1,))) != {1}
    return not apart and weight.ndim == 4 and weight.shape[1] % phases == 0 and "auto_pad" not in words


def _rewrite(graph: ir.Graph, conv: ir.Node, weight: Array, phases: list[_Phase], names: set[str]) -> None:
    (down, right), (out, inputs, rows, columns) = phases[0].step, weight.shape
    channels = inputs // len(phases)
    wide = np.zeros((out, channels, rows * down, columns * right), weight.dtype)
    for i, phase in enumerate(phases):
        part = weight[:, i * channels : (i + 1) * channels]
        wide[:, :, phase.start[0] :: down, phase.start[1] :: right] += part
    top, left, bottom, last = conv.attributes.get_ints("pads", (0, 0, 0, 0))
    strides = conv.attributes.get_ints("strides", (1, 1))
    conv.replace_input_with(0, phases[0].source)
    conv.replace_input_with(1, new_initializer(graph, f"{conv.name}_wide", wide, names))
    conv.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", wide.shape[2:])
    conv.attributes["pads"] = ir.AttrInt64s("pads", [top * down, left * right, bottom * down, last * right])
    conv.attributes["strides"] = ir.AttrInt64s("strides", [strides[0] * down, strides[1] * right])


def _phases(joined: ir.Node) -> list[_Phase] | None:
    """The slices that a Concat joins, if they are phases of one source that fill it without a rest."""
    if not is_op(joined, "Concat") or joined.attributes.get_int("axis", 0) not in (1, -3):
        return None
    found = [_phase(value) for value in joined.inputs]
    phases = [phase for phase in found if phase is not None]
    if len(phases) != len(found) or len({(phase.source, phase.step) for phase in phases}) != 1:
        return None
    shape, step = static_shape(phases[0].source), phases[0].step
    if shape is None or any(shape[axis] % step[k] for k, axis in enumerate(AXES)) or max(step) == 1:
        return None
    return (
        phases if all(start < size for phase in phases for start, size in zip(phase.start, step, strict=True)) else None
    )


def _phase(value: ir.Value | None) -> _Phase | None:
    """The phase of a source that a value is, found through the Slices that make it; None if it is none."""
    start, step = [0, 0], [1, 1]
    while value is not None and is_op(value.producer(), "Slice"):
        node = value.producer()
        assert node is not None
        shape, given = static_shape(node.inputs[0]), [constant(one) for one in node.inputs[1:]]
        if shape is None or len(shape) != 4 or len(given) != 4 or any(one is None for one in given):
            return None
        begins, ends, axes, steps = ([int(number) for number in one.reshape(-1)] for one in given if one is not None)
        for begin, end, axis, by in zip(begins, ends, axes, steps, strict=True):
            if axis % 4 not in AXES or begin < 0 or by < 1 or end < shape[axis % 4]:
                return None
            k = AXES.index(axis % 4)
            start[k], step[k] = begin + by * start[k], by * step[k]
        value = node.inputs[0]
    return None if value is None else _Phase(value, (start[0], start[1]), (step[0], step[1]))
