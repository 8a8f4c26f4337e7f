"""Codes narrower than what they are stored in saturate at their own width, wherever a graph is run.

``QuantizeLinear`` to uint8 saturates at 0 and 255, also where the grid has 4 bits and its codes end at 15. A Clip to
the real range of the grid before it gives each number the code that the narrow grid gives: rounding keeps order, and
both ends of the range are on the grid.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.grids import QTYPE, grid_of
from detquant.graph.qdq import storage
from detquant.graph.values import new_initializer, used_names
from detquant.numerics.grid import QuantParams
from detquant.numerics.qtype import QType


def with_saturation(qdq: ir.Model) -> ir.Model:
    """A copy of the model whose narrow activations saturate; the same model where all are as wide as they are stored.

    Args:
        qdq: QDQ graph. Not changed.
    """
    if not any(node.op_type == "QuantizeLinear" and QTYPE in node.metadata_props for node in qdq.graph):
        return qdq
    qdq = qdq.clone()
    names = used_names(qdq.graph)
    for node in list(qdq.graph):
        grid = grid_of(node) if node.op_type == "QuantizeLinear" and QTYPE in node.metadata_props else None
        value = node.inputs[0]
        if grid is None or value is None:
            continue
        clip = clip_to(qdq.graph, value, grid, names)
        qdq.graph.insert_before(node, clip)
        node.replace_input_with(0, clip.outputs[0])
    return qdq


def is_narrow(qtype: QType) -> bool:
    """Whether codes of a type are stored in a wider one."""
    return str(qtype) != np.dtype(storage(qtype)).name


def clip_to(graph: ir.Graph, value: ir.Value, grid: QuantParams, names: set[str]) -> ir.Node:
    """A Clip of a value to what a grid of one scale reaches, to be put into the graph.

    Args:
        graph: gets the ends of the range as constants.
        value: real.
        grid: a grid of one scale.
        names: `used_names` of the graph, kept up to date.
    """
    ends = [
        new_initializer(graph, f"{value.name}_{end}est", np.asarray(real, np.float32).reshape(()), names)
        for end, real in (("low", grid.low), ("high", grid.high))
    ]
    clip = ir.node("Clip", [value, *ends], name=f"{value.name}_saturated")
    out = clip.outputs[0]
    out.name, out.type, out.shape = f"{value.name}_saturated", value.type, value.shape
    return clip
