"""How deep the nodes of a graph lie."""

from __future__ import annotations

from collections.abc import Callable, Collection

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


def levels(graph: ir.Graph, layers: Collection[str]) -> list[list[ir.Node]]:
    """Layers, given by name, by depth: how many of them lie before each on the longest way."""
    found = dict[int, list[ir.Node]]()
    for node, depth in depths(graph, lambda node: node.name in layers).items():
        if node.name in layers:
            found.setdefault(depth, []).append(node)
    return [found[key] for key in sorted(found)]
