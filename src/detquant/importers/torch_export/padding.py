"""Padding that stands before a window becomes the window's own, as ONNX has it: torch's windows pad evenly only.

    Pad(0) -> Conv          Pad(-inf) -> MaxPool          over height and width, nowhere cropping

A graph that pads by -inf for itself could not be quantised: no grid has that number.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.values import constant, is_op, is_used_once

_FILLED = {"Conv": 0.0, "MaxPool": -np.inf}


def pad_within_windows(model: ir.Model) -> None:
    """Moves the padding, in place; constants are folded."""
    for node in tuple(model.graph):
        fill = _FILLED.get(node.op_type)
        pad = node.inputs[0].producer() if fill is not None and node.inputs[0] is not None else None
        if pad is None or not is_op(node, node.op_type) or not is_op(pad, "Pad") or not is_used_once(pad.outputs[0]):
            continue
        pads = _pads(pad, fill)
        if pads is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
            continue
        own = list(node.attributes.get_ints("pads", (0, 0, 0, 0)))
        if len(own) != len(pads):
            continue
        total = [one + other for one, other in zip(own, pads, strict=True)]
        if node.op_type == "MaxPool" and not _fits(node, total):
            continue
        node.attributes["pads"] = ir.AttrInt64s("pads", total)
        node.replace_input_with(0, pad.inputs[0])
    RemoveUnusedNodesPass()(model)


def _fits(pool: ir.Node, pads: list[int]) -> bool:
    """Whether each window sees a pixel: runtimes refuse pads as large as the window."""
    kernel = list(pool.attributes.get_ints("kernel_shape", ()))
    return len(kernel) == 2 and all(pad < side for pad, side in zip(pads, kernel * 2, strict=True))


def _pads(pad: ir.Node, fill: float | None) -> list[int] | None:
    """Over height and width as windows have them: top, left, bottom, right; None for any other Pad."""
    if pad.attributes.get_string("mode", "constant") != "constant" or len(pad.inputs) > 3:
        return None
    value = constant(pad.inputs[2]) if len(pad.inputs) > 2 else np.zeros(1)
    pads = constant(pad.inputs[1])
    if pads is None or value is None or value.size != 1 or float(value.reshape(())) != fill or pads.size != 8:
        return None
    listed = [int(one) for one in pads.reshape(-1)]
    if min(listed) < 0 or any(listed[place] for place in (0, 1, 4, 5)):
        return None
    return [*listed[2:4], *listed[6:8]]
