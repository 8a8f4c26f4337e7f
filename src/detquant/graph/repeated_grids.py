"""Take away Q and DQ behind operators that only move codes: the values are on that grid already.

The plan gives Concat, MaxPool, Split, Resize and the like one grid for all that they touch, and the QDQ graph writes
it down on both sides of each, which ONNX Runtime needs to run them on codes. OpenVINO carries a grid through by
itself and takes each repetition for a requantisation of its own.

1. A pair Q, DQ goes when its input is the output of an operator that keeps or joins grids, and
2. every activation that this operator reads comes from a DQ of the same scale and zero point, or from an operator
   that case 1 holds for;
3. an output of the graph keeps its name: such a pair stays.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.qdq import drop_unused_initializers
from detquant.graph.traits import OPS, activation_inputs
from detquant.graph.values import constant, is_op

Grid = tuple[bytes, bytes]
INTERPOLATES = frozenset({"linear", "cubic"})


def without_repeated_grids(qdq: ir.Model) -> ir.Model:
    """A copy of the model in which no grid is written down behind what keeps it.

    Args:
        qdq: a graph of `insert_qdq`.
    """
    model = qdq.clone()
    for node in list(model.graph):
        if is_op(node, "QuantizeLinear"):
            _drop(model.graph, node)
    drop_unused_initializers(model.graph)
    return model


def _drop(graph: ir.Graph, q: ir.Node) -> None:
    value, readers = q.inputs[0], [use.node for use in q.outputs[0].uses()]
    if value is None or not all(is_op(reader, "DequantizeLinear") for reader in readers):
        return
    if any(out.is_graph_output() for reader in readers for out in reader.outputs) or not repeats_grid(q):  # case 3
        return
    for reader in readers:
        for use in list(reader.outputs[0].uses()):
            use.node.replace_input_with(use.idx, value)
    graph.remove(readers, safe=True)
    graph.remove(q, safe=True)


def repeats_grid(q: ir.Node) -> bool:
    """Whether what a QuantizeLinear rounds is on its grid already, since codes were moved (cases 1 and 2)."""
    value, mine = q.inputs[0], _grid(q)
    return value is not None and mine is not None and _kept(value) == mine


def _kept(value: ir.Value) -> Grid | None:
    """The grid that a value is on since its producer moved codes of it; None where it is on none."""
    node = value.producer()
    traits = OPS.get(node.op_type) if node is not None else None
    if node is None or traits is None or not (traits.keeps_grid or traits.joins):
        return None
    if node.attributes.get_string("mode", "") in INTERPOLATES:
        return None
    sources = activation_inputs(node)
    whole = len(sources) == len(node.inputs) if traits.joins else True  # a joined constant is on no grid yet
    grids = {_source(source) for source in sources}
    return grids.pop() if whole and len(grids) == 1 else None


def _source(value: ir.Value) -> Grid | None:
    node = value.producer()
    return _grid(node) if node is not None and is_op(node, "DequantizeLinear") else _kept(value)


def _grid(node: ir.Node) -> Grid | None:
    """Scale and zero point of a Q or DQ for whole tensors; None for others."""
    parts = [constant(value) for value in node.inputs[1:3]]
    if len(parts) != 2 or any(part is None or part.size != 1 for part in parts):
        return None
    scale, zero_point = (np.asarray(part) for part in parts)
    return scale.tobytes(), zero_point.tobytes()
