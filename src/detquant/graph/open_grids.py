"""A float graph whose grids are given as it runs: one session answers what any range of a tensor costs.

``If(on) {DequantizeLinear(QuantizeLinear(Clip(x, low, high), scale, zero))} else {x}`` behind each tensor, where all
that is in brackets besides x is an input of the graph. `detquant.graph.switches` has the same with fixed grids.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from detquant.graph.qdq import storage
from detquant.graph.switches import put_behind
from detquant.graph.values import values_by_name
from detquant.numerics.arrays import Array
from detquant.numerics.grid import QuantParams
from detquant.numerics.qtype import QType

PARTS = ("on", "scale", "zero", "low", "high")
PREFIX = "detquant.grid:"


def with_open_grids(model: ir.Model, key_of: Mapping[str, str], qtypes: Mapping[str, QType]) -> ir.Model:
    """A copy of the model with inputs for each grid; `grid_feeds` makes what they are given.

    Args:
        model: prepared float graph.
        key_of: tensor -> key of its grid; several tensors may have the same.
        qtypes: type of the codes of each grid, by key.
    """
    model = model.clone()
    graph, values = model.graph, values_by_name(model.graph)
    given = {key: _inputs(key, qtypes[key]) for key in dict.fromkeys(key_of.values())}
    for one in given.values():
        graph.inputs.extend(one.values())
    for tensor, key in key_of.items():
        _open(graph, values[tensor], given[key])
    return model


def grid_feeds(grids: Mapping[str, QuantParams], on: bool = True) -> dict[str, Array]:
    """What the inputs of `with_open_grids` are given.

    Args:
        grids: a grid of one scale by key.
        on: whether tensors are rounded to them.
    """
    feeds: dict[str, Array] = {}
    for key, grid in grids.items():
        parts: tuple[Array, ...] = (
            np.asarray(on),
            np.asarray(grid.scale, np.float32),
            np.asarray(grid.zero_point).astype(storage(grid.qtype)),
            np.asarray(grid.low, np.float32),
            np.asarray(grid.high, np.float32),
        )
        feeds |= {_name(key, part): value for part, value in zip(PARTS, parts, strict=True)}
    return feeds


def _name(key: str, part: str) -> str:
    return f"{PREFIX}{part}:{key}"


def _inputs(key: str, qtype: QType) -> dict[str, ir.Value]:
    kinds = dict.fromkeys(PARTS, ir.DataType.FLOAT)
    kinds |= {"on": ir.DataType.BOOL, "zero": ir.DataType.from_numpy(np.dtype(storage(qtype)))}
    return {
        part: ir.Value(name=_name(key, part), shape=ir.Shape([]), type=ir.TensorType(kind))
        for part, kind in kinds.items()
    }


def _open(graph: ir.Graph, value: ir.Value, given: Mapping[str, ir.Value]) -> None:
    clip = ir.node("Clip", [value, given["low"], given["high"]])
    q = ir.node("QuantizeLinear", [clip.outputs[0], given["scale"], given["zero"]])
    dq = ir.node("DequantizeLinear", [q.outputs[0], given["scale"], given["zero"]])
    same = ir.node("Identity", [value])
    for k, node in enumerate((clip, q, dq, same)):
        out = node.outputs[0]
        out.name, out.shape = f"{value.name}_opened_{k}", value.shape
        out.type = given["zero"].type if node is q else value.type
    on = ir.Graph([], [dq.outputs[0]], nodes=[clip, q, dq], name=f"{value.name}_on")
    off = ir.Graph([], [same.outputs[0]], nodes=[same], name=f"{value.name}_off")
    chosen = ir.node("If", [given["on"]], attributes={"then_branch": on, "else_branch": off}, name=f"{value.name}_grid")
    chosen.outputs[0].name = f"{value.name}_gridded"
    put_behind(graph, value, chosen)
