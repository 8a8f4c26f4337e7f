"""Functions of one number as tables: every code is dequantised, the graph's own nodes are run on it, and the result is
rounded to the grid of what is given.

1. An activation with a grid before and behind it, alone or as several nodes (x, softplus, tanh, product).
2. A sum, product, ... of an activation and a constant: one table, or one for each channel where the constant has as
   many numbers.
3. A change of grid.
4. An activation that stands between a layer and its QuantizeLinear, with no grid between the two (a SiLU that a
   runtime computes inside the layer): the layer gives codes of `Widths.preactivation` bits on a grid that spans what
   the activation tells apart, and these are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.bounds import FREE, Bounds
from detquant.graph.grids import Codes, constant_of, sink_of
from detquant.graph.values import ONNX_DOMAINS, static_shape
from detquant.integer.alone import run_alone
from detquant.integer.draft import Draft, limits, name_of, refused, shape_of
from detquant.integer.on_codes import OnCodes
from detquant.integer.operators import Table
from detquant.numerics import QType, QuantParams, QuantSpec, dequantize, grid_from_range, quantize
from detquant.numerics.arrays import Ints

Real = npt.NDArray[Any]

ELEMENTWISE = frozenset(
    [
        *("Abs", "Ceil", "Clip", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
        *("LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Softplus", "Sqrt", "Tanh"),
        *("Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub"),
    ]
)
"""Operators that compute number by number."""

LARGEST_ENTRIES = 1 << 16
LADDER = 4096


def table(operator: OnCodes, draft: Draft) -> None:
    """Reads one operator of a number as a table (cases 1 and 2)."""
    node, [source], [sink] = operator.node, operator.activations, operator.outputs
    place = next(k for k, one in enumerate(operator.inputs) if one is source)
    value = node.inputs[place]
    assert value is not None
    _look_up(draft, node, [node], value, source, sink, operator.bounds)


def look_up_chain(nodes: Sequence[ir.Node], value: ir.Value, source: Codes, sink: Codes, draft: Draft) -> None:
    """Reads several nodes that lead from one value to codes as one table (case 1)."""
    _look_up(draft, nodes[0], nodes, value, source, sink, FREE)


def change_grid(draft: Draft, name: str, source: str, output: str, grid: QuantParams, bounds: Bounds = FREE) -> None:
    """Adds a table that brings codes to another grid (case 3)."""
    old = draft.grids[source]
    low, high = limits(grid, bounds)
    entries = np.clip(quantize(dequantize(_codes(old), old), grid), low, high).astype(np.int32)
    made = Table(
        name=name,
        inputs=(source,),
        output=output,
        low=low,
        high=high,
        entries=entries,
        first=old.qtype.qmin,
        bits=old.qtype.bits,
    )
    draft.add(made, grid, draft.shapes[source])


def preactivation(
    nodes: Sequence[ir.Node], value: ir.Value, sink: Codes, largest: float, draft: Draft, *, power_of_two: bool
) -> QuantParams:
    """The grid of codes before an activation (case 4): it spans the numbers whose results the activation tells apart.

    Args:
        nodes: the activation.
        value: the value that the first node reads, ``[n, channels, ...]``.
        sink: the codes that it gives.
        largest: no number that the layer gives is larger in size.
        draft: gives the width.
        power_of_two: whether its step is a power of two, as all steps around it are.
    """
    steps = np.geomspace(largest / 2**20, largest, LADDER)
    ladder = np.concatenate([-steps[::-1], [0.0], steps]).astype(np.float32)
    codes = quantize(_results(nodes, value, ladder), sink.grid).reshape(-1, len(ladder))
    changes = np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0))
    low, high = (ladder[changes[0]], ladder[changes[-1] + 1]) if len(changes) else (-1.0, 1.0)
    width = QType(draft.widths.preactivation)
    return grid_from_range(low, high, QuantSpec(qtype=width, symmetric=False, power_of_two=power_of_two))


def chain_behind(value: ir.Value, first: ir.Node | None = None) -> tuple[list[ir.Node], Codes] | None:
    """The nodes that lead number by number from a value to codes; None where others read what lies between.

    Args:
        value: the value that the nodes compute from.
        first: the only reader of it to go by; None for all readers, none of which may then be left out.
    """
    nodes = [] if first is None else [first]
    made = [value] if first is None else list(first.outputs)
    while all(map(_is_elementwise, nodes)) and not any(one.is_graph_output() for one in made):
        readers = list(dict.fromkeys(reader for one in made for reader in one.consumers() if reader not in nodes))
        sink = sink_of(made[-1]) if nodes and len(readers) == 1 else None
        if sink is not None:
            return nodes, sink
        if not all(map(_is_elementwise, readers)):
            return None
        ready = next((node for node in readers if all(_known(one, {value, *made}) for one in node.inputs)), None)
        if ready is None:
            return None
        nodes.append(ready)
        made.extend(ready.outputs)
    return None


def _is_elementwise(node: ir.Node) -> bool:
    return node.domain in ONNX_DOMAINS and node.op_type in ELEMENTWISE


def _known(value: ir.Value | None, made: set[ir.Value]) -> bool:
    return value is None or value in made or constant_of(value) is not None


def _look_up(
    draft: Draft,
    node: ir.Node,
    nodes: Sequence[ir.Node],
    value: ir.Value,
    source: Codes,
    sink: Codes,
    bounds: Bounds,
) -> None:
    if 1 << source.grid.qtype.bits > LARGEST_ENTRIES:
        raise refused(node, f"a table of {source.grid.qtype} codes would have more than {LARGEST_ENTRIES} entries")
    real = dequantize(_codes(source.grid), source.grid)
    found = quantize(_results(nodes, value, real), sink.grid)
    low, high = limits(sink.grid, bounds)
    entries = np.clip(found, low, high).astype(np.int32)
    made = Table(
        name=node.name or "",
        inputs=(name_of(source),),
        output=name_of(sink),
        low=low,
        high=high,
        entries=entries,
        first=source.grid.qtype.qmin,
        bits=source.grid.qtype.bits,
        axis=_channel_axis(nodes, value)[0],
    )
    draft.add(made, sink.grid, shape_of(nodes[-1], nodes[-1].outputs[0]))


def _codes(grid: QuantParams) -> Ints:
    """All codes of a grid, from the smallest on."""
    return np.arange(grid.qtype.qmin, grid.qtype.qmax + 1, dtype=np.int64)


def _results(nodes: Sequence[ir.Node], value: ir.Value, numbers: Real) -> Real:
    """The results of nodes for some numbers: ``[numbers]``, or ``[channels, numbers]``."""
    axis, channels, rank = _channel_axis(nodes, value)
    given = numbers.reshape(-1, *[1] * rank)
    found = run_alone(nodes, {value: given})[0]
    if axis is None:
        return found.reshape(-1)
    return np.broadcast_to(found.reshape(len(numbers), -1), (len(numbers), channels)).T


def _channel_axis(nodes: Sequence[ir.Node], value: ir.Value) -> tuple[int | None, int, int]:
    """The axis along which constants of the nodes differ (None for none), its length, and the rank of the value.

    Raises:
        UnsupportedOperator: they differ along several axes, or make the value larger.
    """
    shape = static_shape(value) or ()
    rank, found = len(shape), set[int]()
    made = {out for node in nodes for out in node.outputs}
    for node in nodes:
        for other in node.inputs:
            known = None if other is None or other is value or other in made else constant_of(other)
            if known is None:
                continue
            if known.ndim > rank or any(n not in (1, shape[rank - known.ndim + k]) for k, n in enumerate(known.shape)):
                raise refused(node, f"a constant of shape {list(known.shape)} makes its input {list(shape)} larger")
            found |= {rank - known.ndim + k for k, size in enumerate(known.shape) if size > 1}
    if len(found) > 1:
        raise refused(nodes[0], f"its constant differs along {len(found)} axes, where a table has one of channels")
    axis = next(iter(found), None)
    return axis, 1 if axis is None else shape[axis], rank
