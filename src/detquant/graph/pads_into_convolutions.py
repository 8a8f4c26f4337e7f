"""A border of zeros before a convolution as the convolution's own, as TensorFlow's exporters do not write it.

A convolution pads with zeros, so ``Conv(Pad(x))`` with a constant Pad of zeros around the places of a map is the
convolution of ``x`` whose padding is the sum of both. Kernels of whole numbers take padding in; a Pad between them is
a copy of the map, which ONNX Runtime makes of real numbers, between a DequantizeLinear and a QuantizeLinear.

Left as they are: a Pad that something else reads too, one that cuts off, and a convolution that finds its padding
itself (``auto_pad``).
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.values import constant, is_op, static_shape


def pads_into_convolutions(model: ir.Model) -> ir.Model:
    """A copy of the model without borders of zeros that only convolutions read; the same model where there are none."""
    if not any(_border(node) for node in model.graph):
        return model
    copy = model.clone()
    for pad in list(copy.graph):
        border = _border(pad)
        for use in list(pad.outputs[0].uses()) if border else ():
            conv = use.node
            own = conv.attributes.get_ints("pads", (0,) * len(border))
            conv.attributes["pads"] = ir.AttrInt64s("pads", [a + b for a, b in zip(own, border, strict=True)])
            conv.replace_input_with(0, pad.inputs[0])
    RemoveUnusedNodesPass()(copy)
    return copy


def _border(pad: ir.Node) -> tuple[int, ...]:
    """What a Pad adds before and behind each axis of places, as `Conv` has it; empty where it is to stay."""
    if not is_op(pad, "Pad") or pad.attributes.get_string("mode", "constant") != "constant":
        return ()
    shape = static_shape(pad.inputs[0])
    sides, value, axes = (constant(pad.inputs[i]) if i < len(pad.inputs) else None for i in (1, 2, 3))
    given = [one for i, one in ((2, value), (3, axes)) if i < len(pad.inputs) and pad.inputs[i] is not None]
    if shape is None or len(shape) < 3 or sides is None or any(one is None for one in given):
        return ()
    if (value is not None and value.any()) or pad.outputs[0].is_graph_output():
        return ()
    readers = pad.outputs[0].uses()
    if not readers or not all(use.idx == 0 and is_op(use.node, "Conv") for use in readers):
        return ()
    if any(use.node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET" for use in readers):
        return ()
    places = range(len(shape)) if axes is None else [int(axis) % len(shape) for axis in axes.reshape(-1)]
    numbers = [int(number) for number in sides.reshape(-1)]
    before, behind = [0] * len(shape), [0] * len(shape)
    for i, axis in enumerate(places):
        before[axis], behind[axis] = numbers[i], numbers[i + len(numbers) // 2]
    outside = before[:2] + behind[:2]
    border = (*before[2:], *behind[2:])
    return border if not any(outside) and min(border) >= 0 and any(border) else ()
