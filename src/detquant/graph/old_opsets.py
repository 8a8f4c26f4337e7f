"""Opsets 7 to 10 become opset 11, and stay the same function.

ONNX's own version converter turns attributes into inputs (Slice, Pad, Clip, TopK, Upsample) and takes away what went
(BatchNormalization's `spatial`). What it does not know, and is done or refused here:

1. Resize of opset 10, and Upsample before it, took coordinates from the corner ("asymmetric"); opset 11's default is
   from the centres of pixels. By nearest neighbour ONNX Runtime takes the value before where it enlarges, and the one
   behind where it shrinks. It says so nowhere but in its code (`resize_nearest_mode = SIMPLE` in upsamplebase.h); ONNX
   says nothing.
2. Hardmax before opset 13 was over all axes from its own on: taken where that is the last.
3. BatchNormalization with a mean for each pixel (`spatial = 0`) has no counterpart since opset 9.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import onnx
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import constant, is_op

OPSET = 11
_SCALES = 2  # Resize-11 reads X, roi, scales
_RESIZE_SINCE = 10


def refuse_what_changed(model: ir.Model, opset: int) -> None:
    """Refuses nodes of an opset below 13 whose meaning the converter would change (cases 2 and 3).

    Raises:
        UnsupportedOperator: a node whose meaning the converter would change.
    """
    for node in model.graph.all_nodes():
        if is_op(node, "Hardmax") and opset < 13 and node.attributes.get_int("axis", 1) != -1:
            rank = len(node.inputs[0].shape) if node.inputs and node.inputs[0] and node.inputs[0].shape else 0
            if node.attributes.get_int("axis", 1) != rank - 1:
                _refuse(node, f"opset {opset}'s is over all axes from its own on")
        if is_op(node, "BatchNormalization") and opset < 9 and node.attributes.get_int("spatial", 1) != 1:
            _refuse(node, "it has a mean for each pixel (spatial = 0)")


def raise_old(model: ir.Model, opset: int) -> ir.Model:
    """A model of opset 7 to 10 in opset 11.

    Raises:
        UnsupportedOperator: for a Resize that shrinks one axis and enlarges another, or whose factors are computed.
        RuntimeError, ValueError: ONNX's converter does not know a way.
    """
    converted = ir.from_proto(onnx.version_converter.convert_version(ir.to_proto(model), OPSET))
    for node in converted.graph.all_nodes():
        if is_op(node, "Resize"):  # case 1
            node.attributes["coordinate_transformation_mode"] = ir.AttrString(
                "coordinate_transformation_mode", "asymmetric"
            )
            if node.attributes.get_string("mode", "nearest") == "nearest":
                node.attributes["nearest_mode"] = ir.AttrString("nearest_mode", _rounding(node, opset))
    return converted


def _rounding(node: ir.Node, opset: int) -> str:
    """The rounding of nearest neighbour in the opset of the file."""
    if opset < _RESIZE_SINCE:  # Upsample never shrinks
        return "floor"
    scales = constant(node.inputs[_SCALES] if len(node.inputs) > _SCALES else None)
    if scales is None:
        _refuse(node, "its factors are computed, and what it does depends on them")
    factors = scales.astype(np.float32)
    shrinks, enlarges = bool((factors < 1).any()), bool((factors > 1).any())
    if shrinks and enlarges:
        _refuse(node, "it shrinks one axis and enlarges another")
    return "ceil" if shrinks else "floor"


def _refuse(node: ir.Node, reason: str) -> NoReturn:
    raise UnsupportedOperator(
        f"The model's {node.op_type} '{node.name or (node.outputs[0].name if node.outputs else '')}' cannot be raised "
        f"to a newer opset: {reason}. Export the model again with opset 17 or newer."
    )
