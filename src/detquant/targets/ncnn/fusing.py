"""What is one layer in ncnn and several operators in the graph: activations, inside a layer or by themselves.

1. SiLU, HardSwish and Mish that a graph writes as several operators are Swish, HardSwish and Mish.
2. A convolution or product with stored weights takes in the activation that alone reads its result, where ncnn has it
   inside the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from detquant.graph import Activation, find_activations
from detquant.graph.bounds import bounds, has_bounds
from detquant.graph.grids import constant_of
from detquant.graph.values import is_op, is_used_once
from detquant.targets.ncnn.site import Fused

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
LARGEST = 3.4028235e38
"""What stands for no bound: the largest float32."""
INSIDE = {"mish": Fused(5), "hardswish": Fused(6, (1 / 6, 0.5))}


@dataclass(frozen=True, slots=True)
class Taken:
    """An activation inside a layer: what it is there, and the value that it gives."""

    fused: Fused
    result: ir.Value


@dataclass(slots=True)
class Fusions:
    """The activations of a graph.

    Attributes:
        composite: activations of several operators, by the last of these.
        taken: activations inside a layer, by the node of the layer.
        gone: nodes that are part of one or the other and become nothing themselves.
    """

    composite: dict[ir.Node, Activation]
    taken: dict[ir.Node, Taken]
    gone: set[ir.Node]


def fusions(graph: ir.Graph) -> Fusions:
    """Finds them."""
    several = {output: one for output, one in find_activations(graph).items() if len(one.nodes) > 1}
    by_input = {one.input: one for one in find_activations(graph).values() if one.kind in INSIDE}
    found = Fusions({one.nodes[-1]: one for one in several.values()}, {}, set())
    found.gone.update(node for one in several.values() for node in one.nodes[:-1])
    for node in graph:
        if not is_op(node, *LAYERS) or constant_of(node.inputs[1]) is None:
            continue
        taken, nodes = _behind(node.outputs[0], by_input)
        if taken is not None:
            found.taken[node] = taken
            found.gone.update(nodes)
            found.composite = {last: one for last, one in found.composite.items() if last not in nodes}
    return found


def _behind(value: ir.Value, composites: dict[ir.Value, Activation]) -> tuple[Taken | None, tuple[ir.Node, ...]]:
    """The activation that alone reads a value, and the nodes that it is made of."""
    one = composites.get(value)
    if one is not None and not value.is_graph_output() and {use.node for use in value.uses()} <= set(one.nodes):
        return Taken(INSIDE[one.kind], one.output), one.nodes
    if not is_used_once(value):
        return None, ()
    [use] = value.uses()
    fused = _fused(use.node) if use.idx == 0 else None
    return (None, ()) if fused is None else (Taken(fused, use.node.outputs[0]), (use.node,))


def _fused(node: ir.Node) -> Fused | None:
    if is_op(node, "LeakyRelu"):
        return Fused(2, (node.attributes.get_float("alpha", 0.01),))
    if not has_bounds(node):
        return None
    low, high = bounds(node)
    if (low, high) == (0.0, None):
        return Fused(1)
    return Fused(3, (-LARGEST if low is None else float(low), LARGEST if high is None else float(high)))
