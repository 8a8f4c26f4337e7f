"""Operators that belong together, as people draw a network: a layer with its bias and its activation function.

1. A layer, or a sum, takes in the sum with a constant behind it (a bias), and the activation functions, of one operator
   or of several (`find_activations`), that alone read its result.
2. What is named as a whole, such as the decoding behind a detector's heads, is one block.
3. Everything else stands alone.

No two blocks read each other, so what is drawn has no circle: what a layer takes in reads nothing but its result, and
what is named as a whole must be closed: whoever reads it is in it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import onnx_ir as ir

from detquant.graph.activations import Activation, find_activations
from detquant.graph.traits import WEIGHTED, is_constant
from detquant.graph.values import is_op, is_used_once

FUNCTIONS = frozenset(
    {"Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Gelu", "HardSigmoid", "Sigmoid", "Tanh", "Softplus"}
)
"""Activation functions of one operator, besides those that `find_activations` finds."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphBlock:
    """Operators that belong together.

    Attributes:
        nodes: the operators, in the graph's order; the first one is what the others belong to.
        activations: activation functions of several operators among them, or of one that has its own.
        whole: whether they are what was named as a whole.
    """

    nodes: tuple[ir.Node, ...]
    activations: tuple[Activation, ...] = ()
    whole: bool = False

    @property
    def name(self) -> str:
        """The name of its first operator."""
        return self.nodes[0].name or ""

    @property
    def results(self) -> tuple[ir.Value, ...]:
        """The values that others read, or the graph gives; of a block that nobody reads, those of its last operator."""
        own = set(self.nodes)
        given = [value for node in self.nodes for value in node.outputs if _leaves(value, own)]
        return tuple(given or self.nodes[-1].outputs)


def find_blocks(graph: ir.Graph, whole: Collection[ir.Node] = ()) -> list[GraphBlock]:
    """The blocks of a prepared graph, each behind those that it reads.

    Args:
        graph: sorted; subgraphs are not searched.
        whole: operators that make one block (case 2).
    """
    functions = {node: one for one in find_activations(graph).values() for node in one.nodes}
    kept, first = frozenset(whole), dict[ir.Node, ir.Node]()
    head = next((node for node in graph if node in kept), None)
    for node in graph:
        if node in kept:
            first[node] = head or node
        elif node not in first:
            activation = functions.get(node)
            members = activation.nodes if activation else (node,)
            source = activation.input if activation else _taken_in(node)
            owner = first.get(source.producer() or node) if source is not None and _alone(source, members) else None
            leader = owner if owner is not None and _takes_in(owner) and owner not in kept else members[0]
            first |= dict.fromkeys(members, leader)
    return _collected(graph, first, functions, kept)


def _collected(
    graph: ir.Graph, first: dict[ir.Node, ir.Node], functions: dict[ir.Node, Activation], kept: frozenset[ir.Node]
) -> list[GraphBlock]:
    members: dict[ir.Node, list[ir.Node]] = {}
    for node in graph:
        members.setdefault(first[node], []).append(node)
    blocks = [
        GraphBlock(
            nodes=tuple(nodes),
            activations=tuple(dict.fromkeys(functions[node] for node in nodes if node in functions)),
            whole=leader in kept,
        )
        for leader, nodes in members.items()
    ]
    return sorted(blocks, key=lambda block: block.whole)  # nobody outside reads what is closed


def _takes_in(node: ir.Node) -> bool:
    """Whether a block that begins so takes others in (case 1)."""
    return is_op(node, "Add", *WEIGHTED)


def _taken_in(node: ir.Node) -> ir.Value | None:
    """The value that an operator may be taken in behind: what it is a function of, or what it adds a constant to."""
    if is_op(node, *FUNCTIONS):
        return node.inputs[0]
    if is_op(node, "Add"):
        computed = [value for value in node.inputs if not is_constant(value)]
        return computed[0] if len(computed) == 1 else None
    return None


def _alone(value: ir.Value, members: Collection[ir.Node]) -> bool:
    """Whether these operators alone read a value."""
    if len(members) == 1:
        return is_used_once(value)
    return not value.is_graph_output() and all(use.node in members for use in value.uses())


def _leaves(value: ir.Value, own: Collection[ir.Node]) -> bool:
    return value.is_graph_output() or any(use.node not in own for use in value.uses())
