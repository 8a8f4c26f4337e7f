"""Where operators stand in a graph, for rules that speak of places and sizes and not of names.

A *layer* is what `detquant.graph.decode_tail` calls a weighted operator: Conv, ConvTranspose, or Gemm or MatMul with a
constant matrix. Places are found by the graph's form alone, so one rule serves all models.

1. FIRST: the layers that no layer precedes, and the operators before them, which read the image.
2. LAST: the layers that no layer follows.
3. HEAD: the layers that give what the decode tail reads, or an output of the graph.
4. HEAD_INPUT: the operators that write what a layer of the head reads, directly or through operators that only move
   values or join them.
5. INSIDE_ACTIVATION: the operators whose result is read by an activation function and by nothing else, and the steps
   of which such a function is made, the last of them left out. What layers, sums and joins read is written by others.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import accumulate

import onnx_ir as ir

from detquant.graph import find_activations, find_decode_tail
from detquant.graph.decode_tail import is_weighted
from detquant.graph.traits import OPS, activation_inputs, weight_of
from detquant.graph.values import constant

FUNCTIONS = frozenset(
    [
        *("Clip", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu"),
        *("Relu", "Sigmoid", "Softmax", "Softplus", "Tanh"),
    ]
)
"""Operators that are activation functions by themselves (case 5)."""


class Place(StrEnum):
    """A place in a graph; its value is the word for it in a recipe."""

    FIRST = "first"
    LAST = "last"
    HEAD = "head"
    HEAD_INPUT = "head_input"
    INSIDE_ACTIVATION = "inside_activation"


class Places:
    """The places of a graph's operators, found once.

    Args:
        graph: prepared, its nodes in topological order. What is asked later must be a node of it.
    """

    def __init__(self, graph: ir.Graph) -> None:
        tail = find_decode_tail(graph)
        nodes = list(graph)
        layers = {node for node in nodes if is_weighted(node)}
        self._members: dict[Place, frozenset[ir.Node]] = {
            Place.FIRST: frozenset(node for node in _before(nodes, layers) if node not in tail.nodes),
            Place.LAST: frozenset(layers - _leading_to(nodes, layers)),
            Place.HEAD: frozenset(tail.head_convs),
            Place.HEAD_INPUT: frozenset(_writers(tail.head_convs)),
            Place.INSIDE_ACTIVATION: frozenset(_inside_activations(graph)),
        }
        sizes = {node: size for node in nodes if node in layers and (size := self.size(node)) is not None}
        smallest = sorted(sizes, key=sizes.__getitem__)
        total = sum(sizes.values())
        up_to = accumulate(sizes[node] / total for node in smallest)
        self._share_up_to = dict(zip(smallest, up_to, strict=True))

    def of(self, node: ir.Node) -> frozenset[Place]:
        """The places at which an operator stands; none for most."""
        return frozenset(place for place, members in self._members.items() if node in members)

    def among_smallest(self, node: ir.Node, share: float) -> bool:
        """Whether a layer is one of the smallest, which together have at most this share of all weights.

        Args:
            node: the operator.
            share: 0 to 1.
        """
        return self._share_up_to.get(node, 2.0) <= share

    @staticmethod
    def size(node: ir.Node) -> int | None:
        """How many weights a layer has; None for an operator without a constant weight."""
        weight = constant(weight_of(node))
        return None if weight is None else weight.size


def _before(nodes: list[ir.Node], layers: set[ir.Node]) -> set[ir.Node]:
    """The nodes that no layer precedes (case 1)."""
    behind: set[ir.Node] = set()
    for node in nodes:
        producers = {value.producer() for value in node.inputs if value is not None}
        if producers & layers or producers & behind:
            behind.add(node)
    return set(nodes) - behind


def _leading_to(nodes: list[ir.Node], layers: set[ir.Node]) -> set[ir.Node]:
    """The nodes that a layer follows (case 2)."""
    leading: set[ir.Node] = set()
    for node in reversed(nodes):
        readers = {reader for output in node.outputs for reader in output.consumers()}
        if readers & layers or readers & leading:
            leading.add(node)
    return leading


def _writers(heads: tuple[ir.Node, ...]) -> set[ir.Node]:
    """The nodes that write what these layers read, past what only moves values or joins them (case 4)."""
    found: set[ir.Node] = set()
    asked = [value for head in heads for value in activation_inputs(head)]
    while asked:
        node = asked.pop().producer()
        if node is None or node in found:
            continue
        found.add(node)
        traits = OPS.get(node.op_type)
        if traits is not None and (traits.keeps_grid or traits.joins):
            asked += activation_inputs(node)
    return found


def _inside_activations(graph: ir.Graph) -> set[ir.Node]:
    """The nodes whose results only an activation function reads, and its inner steps (case 5)."""
    around: dict[ir.Node, ir.Node] = {node: node for node in graph if node.op_type in FUNCTIONS}
    for activation in find_activations(graph).values():
        around |= dict.fromkeys(activation.nodes, activation.nodes[-1])
    found: set[ir.Node] = set()
    for node in graph:
        readers = {reader for output in node.outputs for reader in output.consumers()}
        outside = any(output.is_graph_output() for output in node.outputs)
        if readers and not outside and readers <= around.keys() and len({around[reader] for reader in readers}) == 1:
            found.add(node)
    return found
