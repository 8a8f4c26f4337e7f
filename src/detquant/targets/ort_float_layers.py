"""Layers that ONNX Runtime runs in float though the file has them on codes, counted in the graph as it rewrites it."""

from __future__ import annotations

from collections import Counter

import onnx
import onnx_ir as ir

from detquant.graph.traits import WEIGHTED
from detquant.integer.on_codes import activation_behind, on_codes

INTEGER = ("QLinearConv", "QLinearMatMul", "QGemm")
"""Layers on codes, as the runtime writes them."""
FUSED = {("com.microsoft", "FusedConv"): "Conv"}
"""A layer in float that took the activation behind it in, and what it was."""
SHOWN = 3
LEFT = (
    "ONNX Runtime runs {count} of the {of} layers that the plan has on codes in float, between DequantizeLinear and "
    "QuantizeLinear: {shown}."
)


def said_of_float_layers(rewritten: bytes) -> tuple[str, ...]:
    """A sentence on the layers left in float; none where all are on codes.

    Args:
        rewritten: an ONNX file as the runtime rewrites it, see `detquant.graph.running.optimised`.
    """
    graph = ir.from_proto(onnx.load_from_string(rewritten)).graph
    for node in graph:
        if (kind := FUSED.get((node.domain, node.op_type))) is not None:
            node.domain, node.op_type = "", kind
    left = [node for node in graph if node.op_type in WEIGHTED and on_codes(node, activation_behind(node))]
    if not left:
        return ()
    kinds = Counter(node.op_type for node in graph)
    shown = ", ".join(f"{node.op_type} '{node.name}'" for node in left[:SHOWN]) + ", ..." * (len(left) > SHOWN)
    return (LEFT.format(count=len(left), of=len(left) + sum(kinds[kind] for kind in INTEGER), shown=shown),)
