"""Codes narrower than what they are stored in saturate at their own width, wherever a graph is run.

``QuantizeLinear`` to uint8 saturates at 0 and 255, also where the grid has 4 bits and its codes end at 15. Either

1. a Clip of the real numbers to the range of the grid stands before it: rounding keeps order, and both ends of the
   range are on the grid, so each number gets the code that the narrow grid gives. It takes the place of a Relu or Clip
   that is there already; or
2. a Clip of the codes stands behind it, for runtimes whose integer kernels write what QuantizeLinear does and would run
   in float with a Clip in between.

Codes that were only moved are as narrow as they were, so there is none at a pool, at a join on one grid and the like.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.bounds import FREE, Bounds, bounds, has_bounds
from detquant.graph.grids import QTYPE, grid_of
from detquant.graph.qdq import drop_unused_initializers, storage
from detquant.graph.repeated_grids import repeats_grid
from detquant.graph.values import constant, is_used_once, new_initializer, used_names
from detquant.numerics.grid import QuantParams
from detquant.numerics.qtype import QType


def with_saturation(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose narrow activations saturate (case 1); the same model where there are none.

    Args:
        qdq: QDQ graph. Not changed.
    """
    if not any(map(_is_narrow, qdq.graph)):
        return qdq
    qdq = qdq.clone()
    names = used_names(qdq.graph)
    for node, grid in _saturating(qdq.graph):
        value = node.inputs[0]
        assert value is not None
        bounded = _bounded(value)
        source, within = (value, FREE) if bounded is None else (bounded.inputs[0] or value, bounds(bounded))
        clip = clip_to(qdq.graph, source, grid, names, within)
        qdq.graph.insert_before(node, clip)
        node.replace_input_with(0, clip.outputs[0])
        if bounded is not None:
            qdq.graph.remove(bounded, safe=True)
    drop_unused_initializers(qdq.graph)
    return qdq


def with_saturated_codes(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose narrow codes saturate (case 2); the same model where there are none.

    Args:
        qdq: QDQ graph. Not changed.
    """
    if not any(map(_is_narrow, qdq.graph)):
        return qdq
    qdq = qdq.clone()
    names = used_names(qdq.graph)
    for node, grid in _saturating(qdq.graph):
        codes, kind = node.outputs[0], storage(grid.qtype)
        readers = list(codes.uses())
        if readers and all(_cuts(use.node, grid.qtype) for use in readers):
            continue  # a file that was written so, and is read again
        clip = _clip(qdq.graph, codes, kind(grid.qtype.qmin), kind(grid.qtype.qmax), names)
        qdq.graph.insert_after(node, clip)
        for use in readers:
            use.node.replace_input_with(use.idx, clip.outputs[0])
    return qdq


def is_narrow(qtype: QType) -> bool:
    """Whether codes of a type are stored in a wider one."""
    return str(qtype) != np.dtype(storage(qtype)).name


def clip_to(graph: ir.Graph, value: ir.Value, grid: QuantParams, names: set[str], within: Bounds = FREE) -> ir.Node:
    """A Clip of a value to what a grid of one scale reaches, to be put into the graph.

    Args:
        graph: gets the ends of the range as constants.
        value: real.
        grid: a grid of one scale.
        names: `used_names` of the graph, kept up to date.
        within: bounds that it keeps besides.
    """
    low = float(grid.low) if within[0] is None else max(within[0], float(grid.low))
    high = float(grid.high) if within[1] is None else min(within[1], float(grid.high))
    return _clip(graph, value, np.float32(low), np.float32(high), names)


def _bounded(value: ir.Value) -> ir.Node | None:
    """The Relu or Clip whose result this is, where nobody else reads it: one Clip then stands for both."""
    node = value.producer() if is_used_once(value) else None
    return node if node is not None and has_bounds(node) else None


def _saturating(graph: ir.Graph) -> list[tuple[ir.Node, QuantParams]]:
    """The QuantizeLinear whose codes could be wider than their grid, each with that."""
    grids = [(node, grid_of(node)) for node in graph if _is_narrow(node) and not repeats_grid(node)]
    return [(node, grid) for node, grid in grids if grid is not None]


def _cuts(node: ir.Node, qtype: QType) -> bool:
    """Whether a node is a Clip of codes to those of a type."""
    ends = [constant(value) for value in node.inputs[1:]] if node.op_type == "Clip" else []
    return [None if end is None else int(end) for end in ends] == [qtype.qmin, qtype.qmax]


def _is_narrow(node: ir.Node) -> bool:
    return node.op_type == "QuantizeLinear" and QTYPE in node.metadata_props


def _clip(graph: ir.Graph, value: ir.Value, low: np.generic, high: np.generic, names: set[str]) -> ir.Node:
    ends = [
        new_initializer(graph, f"{value.name}_{end}est", np.asarray(number).reshape(()), names)
        for end, number in (("low", low), ("high", high))
    ]
    clip = ir.node("Clip", [value, *ends], name=f"{value.name}_saturated")
    out = clip.outputs[0]
    out.name, out.type, out.shape = f"{value.name}_saturated", value.type, value.shape
    return clip
