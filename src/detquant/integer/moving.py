"""Operators whose codes are codes that they read: what moves numbers, joins maps, or takes the largest of a window.

Where such an operator is to write on another grid than it reads, a table changes it, before a Concat and behind all
others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.bounds import FREE, Bounds
from detquant.graph.grids import Codes, Stored
from detquant.integer.alone import run_alone
from detquant.integer.draft import Draft, limits, name_of, refused, shape_of, window
from detquant.integer.on_codes import OnCodes
from detquant.integer.operators import Concat, IntegerOperator, MaxPool, Move
from detquant.integer.tables import change_grid
from detquant.numerics import QuantParams, quantize

MOVES = frozenset(
    [
        *("DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice"),
        *("SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    ]
)
"""Operators that move numbers and change none."""


def move(operator: OnCodes, draft: Draft) -> None:
    """Reads an operator that moves numbers, by running it on the addresses of its input."""
    node, [source] = operator.node, operator.activations
    if node.inputs[0] is None or not isinstance(operator.inputs[0], Codes):
        raise refused(node, "what it moves is a constant")
    shape = shape_of(node, node.inputs[0])
    addresses = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    given: dict[ir.Value, npt.NDArray[Any]] = {node.inputs[0]: addresses}
    fill = int(source.grid.zero_point)
    if node.op_type == "Pad" and len(node.inputs) > 2 and node.inputs[2] is not None:
        fill = _fill(operator, source.grid)
    if node.op_type == "Pad":
        node = _padding_with(node, given)
    parts = run_alone([node], given)
    for sink, part, value in zip(operator.outputs, parts, node.outputs, strict=True):
        flat = np.asarray(part, np.int32).reshape(-1)
        stays = flat.size == addresses.size and np.array_equal(flat, addresses.reshape(-1))
        out = shape_of(operator.node, value) if operator.node is node else tuple(part.shape)
        facts = {"kind": node.op_type, "shape": out, "addresses": None if stays else flat, "fill": fill}
        _give(draft, Move, facts, operator, (name_of(source),), source.grid, sink, out)


def _fill(operator: OnCodes, grid: QuantParams) -> int:
    """The code of what a Pad puts around."""
    known = operator.inputs[2]
    real = known.real if isinstance(known, Stored) else known
    if not isinstance(real, np.ndarray):
        raise refused(operator.node, "what it pads with is computed")
    return int(quantize(np.asarray(real, np.float32).reshape(()), grid))


def _padding_with(node: ir.Node, given: dict[ir.Value, npt.NDArray[Any]]) -> ir.Node:
    """A copy of a Pad node that puts -1 around."""
    around = ir.Value(name="around")
    given[around] = np.array(-1, np.int32)
    return ir.Node("", "Pad", [*node.inputs[:2], around, *node.inputs[3:]], list(node.attributes.values()))


def max_pool(operator: OnCodes, draft: Draft) -> None:
    """Reads MaxPool over height and width."""
    node, [source] = operator.node, operator.activations
    if len(node.outputs) > 1:
        raise refused(node, "it gives the places of its maxima")
    around = window(node, node.attributes.get_ints("kernel_shape", ()))
    facts = {"window": around, "smallest": source.grid.qtype.qmin}
    _give(
        draft,
        MaxPool,
        facts,
        operator,
        (name_of(source),),
        source.grid,
        operator.outputs[0],
        shape_of(node, node.outputs[0]),
    )


def concat(operator: OnCodes, draft: Draft) -> None:
    """Reads Concat, with all parts brought to the grid of the result."""
    node, [sink] = operator.node, operator.outputs
    out = shape_of(node, node.outputs[0])
    inputs, constants = [], {}
    for place, one in enumerate(operator.inputs):
        if isinstance(one, Codes):
            inputs.append(_on_grid(draft, node, place, one, sink.grid))
        elif one is not None:
            real = one.real if isinstance(one, Stored) else one
            constants[place] = quantize(np.asarray(real, np.float32), sink.grid).astype(np.int32)
    low, high = limits(sink.grid, operator.bounds)
    axis = node.attributes.get_int("axis", 0) % len(out)
    made = Concat(
        name=node.name or "",
        inputs=tuple(inputs),
        output=name_of(sink),
        low=low,
        high=high,
        axis=axis,
        constants=constants,
    )
    draft.add(made, sink.grid, out)


def _on_grid(draft: Draft, node: ir.Node, place: int, codes: Codes, grid: QuantParams) -> str:
    """The name of the codes on another grid; a table is added where there are none yet."""
    name = name_of(codes)
    if is_same(codes.grid, grid):
        return name
    changed = f"{node.name}/input{place}"
    change_grid(draft, changed, name, changed, grid)
    return changed


def _give(
    draft: Draft,
    kind: type[IntegerOperator],
    facts: Mapping[str, object],
    operator: OnCodes,
    inputs: tuple[str, ...],
    grid: QuantParams,
    sink: Codes,
    shape: tuple[int, ...],
) -> None:
    """Adds an operator that keeps its input's grid, and a table behind it where another grid is asked for."""
    name, output = operator.node.name or "", name_of(sink)
    same = is_same(grid, sink.grid)
    bounds: Bounds = operator.bounds if same else FREE
    low, high = limits(grid, bounds)
    before = output if same else f"{output}/before"
    draft.add(kind(name=name, inputs=inputs, output=before, low=low, high=high, **facts), grid, shape)
    if not same:
        change_grid(draft, f"{name}/grid", before, output, sink.grid, operator.bounds)


def is_same(one: QuantParams, other: QuantParams) -> bool:
    """Whether two grids of one scale are equal."""
    same = one.qtype == other.qtype and np.array_equal(one.scale, other.scale)
    return same and np.array_equal(one.zero_point, other.zero_point)
