"""Operators on wider grids than the kernels of a target take: it runs them in float, between DQ and Q."""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.traits import activation_inputs
from detquant.numerics import Capability
from detquant.recipes import Fixed, Own, Plan

IN_FLOAT = (
    "{target} has no integer kernels for activations of {widths} bits: {count} of the {of} operators that the plan has "
    "on codes run in float, between DequantizeLinear and QuantizeLinear."
)


def float_by_width(graph: ir.Graph, plan: Plan, capability: Capability) -> dict[str, int]:
    """The operators on codes that run in float, each with the width of the grid that makes it so.

    Args:
        graph: the graph that was planned.
        plan: the decision.
        capability: the target's facts.
    """
    found: dict[str, int] = {}
    for node in graph if capability.float_bits else ():
        values = {value.name or "" for value in (*activation_inputs(node), *node.outputs)} & plan.points.keys()
        points = [plan.points[plan.root(name)] for name in sorted(values)]
        widths = {point.spec.qtype.bits for point in points if isinstance(point, Own | Fixed)}
        if not points:  # it runs inside the kernel of what it reads
            producers = (value.producer() for value in node.inputs if value is not None)
            widths = {found[name] for one in producers if one is not None and (name := one.name or "") in found}
        if (node.name or "") in plan.integer and (wide := widths & capability.float_bits):
            found[node.name or ""] = max(wide)
    return found


def said_of_float_widths(graph: ir.Graph, plan: Plan, capability: Capability) -> list[str]:
    """A sentence on the operators that run in float; none where there are none. See `float_by_width`."""
    found = float_by_width(graph, plan, capability)
    if not found:
        return []
    widths = " and ".join(map(str, sorted(set(found.values()))))
    return [IN_FLOAT.format(target=capability.name, widths=widths, count=len(found), of=len(plan.integer))]
