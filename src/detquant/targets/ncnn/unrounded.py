"""Operators in float read what is in float.

A QDQ graph gives the real numbers of codes to all that read a quantised layer's result, since most integer kernels
write codes and nothing else. ncnn's write float, and a layer that wants codes rounds them itself: an operator in float
behind the same result reads it as it was. Only what `reads_codes` says of reads codes.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.grids import source_of, stored_codes
from detquant.graph.values import is_op
from detquant.targets.ncnn.capability import CAPABILITY

LAYERS = tuple(sorted(CAPABILITY.kernels))


def reads_codes(node: ir.Node) -> bool:
    """Whether an operator multiplies codes by codes in ncnn: a layer with stored weights beside a computed input."""
    if not is_op(node, *LAYERS):
        return False
    return source_of(node.inputs[0]) is not None and stored_codes(node.inputs[1]) is not None


def with_unrounded_reads(qdq: ir.Model) -> ir.Model:
    """A copy of the model in which all but integer layers read results as they were before they were rounded.

    Args:
        qdq: QDQ graph. Not changed.
    """
    qdq = qdq.clone()
    for node in list(qdq.graph):
        rounded = node.outputs[0] if is_op(node, "DequantizeLinear") else None
        codes = source_of(rounded)
        quantize = codes.value.producer() if codes is not None else None
        if rounded is None or quantize is None or quantize.inputs[0] is None:
            continue
        for use in list(rounded.uses()):
            if use.idx or not reads_codes(use.node):
                use.node.replace_input_with(use.idx, quantize.inputs[0])
    return qdq
