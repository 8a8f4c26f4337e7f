"""Grids of a head's maps as the integer head needs them; the layers that write them write on these at once.

1. All maps of class logits are on one grid, which spans what they spanned: so their codes compare as scores do.
2. Class logits have the width that is asked for, distances 8 bits on the range that they have: the table of
   exponentials has an entry for each difference of two codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import QTYPE, grid_of, tell_width
from detquant.graph.qdq import storage
from detquant.graph.values import new_initializer, used_names
from detquant.integer.head.distances import CODE_BITS
from detquant.integer.head.layout import Layout
from detquant.numerics import QType, QuantParams, QuantSpec, grid_from_range
from detquant.numerics.powers_of_two import are_powers


def with_head_grids(network: ir.Model, layout: Layout, bits: int) -> ir.Model:
    """A copy of the network whose head's maps are on such grids.

    Args:
        network: as `detquant.graph.cut_decode` gives it; not changed.
        layout: which of its outputs are what.
        bits: width of the class logits.

    Raises:
        UnsupportedOperator: a map has no single scale, or the network itself reads it.
    """
    copy = network.clone()
    outputs = {value.name or "": value for value in copy.graph.outputs}
    known = {name: _grid(value) for name, value in outputs.items()}
    scores = _one_grid([known[level.scores] for level in layout.levels], bits)
    grids = {level.scores: scores for level in layout.levels}
    for level in layout.levels:
        grids[level.distances] = _one_grid([known[level.distances]], CODE_BITS)
    _write(copy.graph, outputs, grids)
    return copy


def _grid(value: ir.Value) -> QuantParams:
    grid = grid_of(value.producer())
    if grid is None or grid.axis is not None:
        raise UnsupportedOperator(f"The head's map '{value.name}' has no single scale, which its codes need.")
    if list(value.uses()):
        raise UnsupportedOperator(
            f"The head's map '{value.name}' is read by the network too, so it cannot be put on a grid of its own: "
            f"leave the last layers and the suppression in float."
        )
    return grid


def _one_grid(grids: Sequence[QuantParams], bits: int) -> QuantParams:
    """One grid over the ranges of several; where they are one grid of this width already, that."""
    first = grids[0]
    same = all(float(one.scale) == float(first.scale) and one.qtype == first.qtype for one in grids)
    if same and first.qtype.bits == bits and len({int(one.zero_point) for one in grids}) == 1:
        return first
    low, high = min(float(one.low) for one in grids), max(float(one.high) for one in grids)
    powers = all(bool(are_powers(one.scale).all()) for one in grids)
    spec = QuantSpec(qtype=QType(bits, first.qtype.signed), symmetric=False, power_of_two=powers)
    return grid_from_range(low, high, spec)


def _write(graph: ir.Graph, outputs: Mapping[str, ir.Value], grids: Mapping[str, QuantParams]) -> None:
    """Puts grids into the nodes that write the outputs."""
    names = used_names(graph)
    for name, grid in grids.items():
        value, kind = outputs[name], storage(grid.qtype)
        node = value.producer()
        assert node is not None, name
        zero_point = new_initializer(graph, f"{name}_zero_point", grid.zero_point.astype(kind), names)
        node.resize_inputs(3)
        node.replace_input_with(1, new_initializer(graph, f"{name}_scale", grid.scale.astype(np.float32), names))
        node.replace_input_with(2, zero_point)
        node.attributes.pop("output_dtype", None)
        node.metadata_props.pop(QTYPE, None)
        tell_width(node, grid.qtype, kind)
        value.type = zero_point.type
