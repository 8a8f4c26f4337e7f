"""How deep the nodes of a graph lie."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir


def depths(graph: ir.Graph, counts: Callable[[ir.Node], bool]) -> dict[ir.Node, int]:
    """How many nodes that count lie before each node on the longest way; nodes of one depth do not need each other.

    Args:
        graph: sorted.
        counts: whether a node counts.
    """
    depth: dict[ir.Node, int] = {}
    for node in graph:
        before = [producer for v in node.inputs if v is not None and (producer := v.producer()) is not None]
        depth[node] = max((depth[producer] + counts(producer) for producer in before), default=0)
    return depth
