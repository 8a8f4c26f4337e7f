"""A border of copies of a map's own edge, cut off and joined: for chips that pad with zeros only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.graph.values import new_initializer


def edge_border(
    graph: ir.Graph, before: ir.Node, value: ir.Value, shape: Sequence[int], pads: Sequence[int], names: set[str]
) -> ir.Value:
    """The map with its border, made of Slice and Concat.

    Args:
        graph: gets the operators.
        before: the operator in front of which they are put; its name is a part of theirs.
        value: the map.
        shape: shape of the map, ``[n, c, h, w]``.
        pads: rows on top, columns on the left, rows below, columns on the right, as ONNX has them.
        names: `used_names` of the graph.
    """
    sides = list(shape)
    for axis in (2, 3):
        begin, end = pads[axis - 2], pads[axis]
        first = [_edge(graph, before, value, sides, axis, 0, names)] if begin else []
        last = [_edge(graph, before, value, sides, axis, sides[axis] - 1, names)] if end else []
        if not first and not last:
            continue
        parts = [*first * begin, value, *last * end]
        joined = ir.node("Concat", parts, attributes={"axis": axis}, name=f"{before.name}_border_{axis}")
        sides[axis] += begin + end
        value = _insert(graph, before, joined, value, sides)
    return value


def _edge(
    graph: ir.Graph, before: ir.Node, value: ir.Value, shape: list[int], axis: int, place: int, names: set[str]
) -> ir.Value:
    """Cuts one row or column out of a map, to be joined to its border."""
    name = f"{before.name}_edge_{axis}_{place}"
    bounds = (place, place + 1, axis)
    stored = [new_initializer(graph, f"{name}_{k}", np.array([number]), names) for k, number in enumerate(bounds)]
    cut = ir.node("Slice", [value, *stored], name=name)
    return _insert(graph, before, cut, value, [1 if k == axis else size for k, size in enumerate(shape)])


def _insert(graph: ir.Graph, before: ir.Node, made: ir.Node, like: ir.Value, shape: list[int]) -> ir.Value:
    graph.insert_before(before, made)
    made.outputs[0].name, made.outputs[0].shape, made.outputs[0].type = made.name, ir.Shape(shape), like.type
    return made.outputs[0]
