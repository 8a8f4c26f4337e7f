"""The float graph as blocks, and where the results of these are in the quantised graph."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from detquant.graph import find_decode_tail
from detquant.graph.blocks import GraphBlock, find_blocks
from detquant.graph.values import static_shape, values_by_name
from detquant.recipes import Plan


def blocks_of(model: ir.Model, plan: Plan | None) -> tuple[GraphBlock, ...]:
    """The blocks of a float graph; its decoding is one of them where all of it is in float.

    Args:
        model: the prepared float graph.
        plan: the decision on its operators; None where nobody tells.
    """
    integer = frozenset(plan.integer) if plan else frozenset()
    tail = find_decode_tail(model.graph).nodes
    return tuple(find_blocks(model.graph, tail if not any(node.name in integer for node in tail) else ()))


def counterparts(values: Iterable[ir.Value], quantized: ir.Model) -> dict[str, str]:
    """Names of what stands for values of the float graph in the quantised one, by the names of those.

    Left out are values that the quantised graph does not have, and those that cannot be compared: of open size, or
    no numbers.

    Args:
        values: of the float graph.
        quantized: QDQ graph.
    """
    there = values_by_name(quantized.graph).keys()
    found: dict[str, str] = {}
    for value in values:
        if value.dtype == ir.DataType.FLOAT and static_shape(value) is not None:
            names = (f"{value.name}_dequantized", value.name or "")
            if (one := next((one for one in names if one in there), None)) is not None:
                found[value.name or ""] = one
    return found
