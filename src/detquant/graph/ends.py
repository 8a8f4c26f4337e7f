"""The operators that a graph runs first on its inputs and last before its outputs.

Shapes do not tell whether the graph itself brings pixels to the range that its network wants, or whether its scores
have been through a sigmoid. The operator nearest to an end does, once those are passed over that only move values,
change their type, or round them.
"""

from __future__ import annotations

from collections import deque

import onnx_ir as ir

from detquant.graph.traits import OPS
from detquant.graph.values import is_op

_PASSED = frozenset(
    {op for op, traits in OPS.items() if traits.keeps_grid or traits.joins}
    | {"Cast", "Identity", "QuantizeLinear", "DequantizeLinear", "Shape"}
)


def operators_at_ends(graph: ir.Graph) -> dict[str, str]:
    """The kind of the operator nearest to each input and output, by the end's name; an end without one is left out."""
    first = {value.name or "": _first_behind(value) for value in graph.inputs}
    last = {value.name or "": _last_before(value) for value in graph.outputs}
    return {name: op_type for name, op_type in (first | last).items() if op_type}


def _first_behind(value: ir.Value) -> str:
    waiting, seen = deque([value]), {value}
    while waiting:
        for reader in waiting.popleft().consumers():
            if not is_op(reader, *_PASSED):
                return reader.op_type
            fresh = [output for output in reader.outputs if output not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
    return ""


def _last_before(value: ir.Value) -> str:
    """The type of the operator that a value comes from; of a join, the first part is followed."""
    node = value.producer()
    while node is not None and is_op(node, *_PASSED):
        source = node.inputs[0] if node.inputs else None
        node = None if source is None else source.producer()
    return "" if node is None else node.op_type
