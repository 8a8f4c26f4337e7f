"""Which operators run on codes, and why the others do not; cases 1 to 5 and 7 of `detquant.recipes.planner`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import onnx_ir as ir

from detquant.graph import Activation, DecodeTail, find_activations, find_decode_tail
from detquant.graph.traits import OPS, WEIGHTED, activation_inputs, weight_of
from detquant.numerics import Capability, QuantSpec
from detquant.recipes.choice import Choice
from detquant.recipes.places import Places
from detquant.recipes.recipe import Recipe

FLOAT_PRODUCERS = "its producers run in float"


class IntegerOperators:
    """The operators of a graph, told apart.

    Args:
        graph: prepared.
        recipe: the wish.
        capability: the target's facts.
        choices: what single operators are given, whatever the recipe says.

    Attributes:
        integer: those that run on codes, by the identity of the node.
        float: why each of the others runs in float, by the identity of the node.
    """

    def __init__(self, graph: ir.Graph, recipe: Recipe, capability: Capability, choices: Mapping[str, Choice]) -> None:
        self.graph, self.recipe, self.capability, self.choices = graph, recipe, capability, choices
        self.tail: DecodeTail = find_decode_tail(graph)
        self.places = Places(graph)
        self.activations = find_activations(graph)
        self.inside = {id(n): a for a in self.activations.values() for n in a.nodes}
        self.integer: dict[int, ir.Node] = {}
        self.float = {id(node): why for node in graph if (why := self.why_float(node))}
        self.keep_composites_whole()
        self.propagate_forward()
        self.propagate_backward()

    def layers(self) -> list[str]:
        """Names of the weighted operators that run on codes."""
        return [self.name(n) for n in self.integer.values() if n.op_type in WEIGHTED]

    def wishes(self) -> dict[ir.Node, Choice]:
        """The choice for each operator that runs on codes, or has its weight alone in codes."""
        layers = [node for node in self.graph if id(node) not in self.integer and self.weight_only(node)]
        return {
            **{node: self.wish(node) for node in self.integer.values()},
            **{node: replace(self.wish(node), activation=None) for node in layers},
        }

    @staticmethod
    def name(node: ir.Node) -> str:
        """The name of an operator, which a prepared graph gives to each."""
        assert node.name is not None
        return node.name

    def why_float(self, node: ir.Node) -> str | None:
        """The first reason to keep ``node`` in float, or None."""
        wish, facts = self.wish(node), self.capability
        if node in self.tail.nodes:
            return "decode tail"
        heads_float = self.recipe.head == "float" and not facts.integer_only and not facts.float_results
        if node in self.tail.head_convs and heads_float and not self.is_classifier_head(node):
            return "head output, feeds the decode tail"
        if self.name(node) in self.choices and (wish.activation is None or self.lacks_weight(node, wish)):
            return wish.why
        composite = self.inside.get(id(node))
        fused = composite is not None and self.fuses(composite)
        if composite is not None and not fused and composite.kind not in facts.activation_steps:
            return f"{composite.kind} has no integer kernel on {facts.name}"
        if node.op_type not in facts.kernels and not fused:
            return f"{node.op_type} has no integer kernel on {facts.name}"
        if wish.activation is None:
            return wish.why
        if node.op_type in WEIGHTED and weight_of(node) is None:
            return "its weight is not constant"
        return wish.why if self.lacks_weight(node, wish) else None

    def wish(self, node: ir.Node) -> Choice:
        """The choice for ``node``: the one made for it alone, or that of the recipe."""
        return self.choices.get(self.name(node)) or self.recipe.choice_for(node, self.places)

    @staticmethod
    def lacks_weight(node: ir.Node, wish: Choice) -> bool:
        """Whether a layer would have its weight in float, which no integer kernel takes."""
        return node.op_type in WEIGHTED and wish.weight is None

    def is_classifier_head(self, node: ir.Node) -> bool:
        """Whether a head gives one vector of class scores, as a classifier's does: these are ranked and bear a grid."""
        shape = node.outputs[0].shape
        vector = shape is not None and (len(shape) == 2 or (len(shape) == 4 and tuple(shape[2:]) == (1, 1)))
        return vector and len(self.tail.head_convs) == 1

    def propagate_forward(self) -> None:
        """Makes weightless operators integer behind integer ones (case 3, forward)."""
        for node in self.graph:
            if id(node) in self.float:
                continue
            behind = [v.producer() for v in activation_inputs(node)]
            codes = any(id(p) in self.integer if p is not None else self.capability.integer_only for p in behind)
            if node.op_type in WEIGHTED or codes:
                self.integer[id(node)] = node

    def keep_composites_whole(self) -> None:
        """Keeps all nodes of a composite activation in float where one of them stays float (case 4)."""
        for activation in self.activations.values():
            reasons = [self.float[id(n)] for n in activation.nodes if id(n) in self.float]
            for n in activation.nodes if reasons else ():
                self.float.setdefault(id(n), reasons[0])

    def propagate_backward(self) -> None:
        """Makes operators that move values integer before integer ones (case 3, backward)."""
        for node in reversed(list(self.graph)):
            traits = OPS.get(node.op_type)
            if id(node) in self.float or id(node) in self.integer or traits is None:
                continue
            readers = [u.node for o in node.outputs for u in o.uses()]
            if self.one_grid(node) and readers and all(id(r) in self.integer for r in readers):
                self.integer[id(node)] = node
        for node in self.graph:
            if id(node) not in self.integer:
                self.float.setdefault(id(node), FLOAT_PRODUCERS)

    def fuses(self, activation: Activation) -> bool:
        """Whether the runtime runs a composite activation inside the layer before it."""
        producer = activation.input.producer()
        return (
            activation.kind in self.capability.fused_activations
            and producer is not None
            and producer.op_type in WEIGHTED
            and not activation.input.is_graph_output()
            and all(use.node in activation.nodes for use in activation.input.uses())
        )

    def float_before_tail(self) -> dict[ir.Node, str]:
        """The operators that stay float before the decode tail, each with its reason."""
        left = [n for n in self.graph if id(n) not in self.integer and n not in self.tail.nodes]
        return {node: self.float[id(node)] for node in left}

    def weights(self) -> dict[str, QuantSpec]:
        """The wish for each weight that will be codes."""
        layers = [n for n in self.graph if weight_of(n) is not None and (id(n) in self.integer or self.weight_only(n))]
        wishes = {self.name(n): self.wish(n).weight for n in layers}
        return {name: spec for name, spec in wishes.items() if spec is not None}

    def weight_only(self, node: ir.Node) -> bool:
        """Whether a layer in float keeps its weight in codes (case 7)."""
        return node.op_type in self.capability.weight_only and node not in self.tail.nodes

    def one_grid(self, node: ir.Node) -> bool:
        """Whether all that the operator reads and writes lies on one grid."""
        traits = OPS[node.op_type]
        return traits.keeps_grid or traits.joins or node.op_type in self.capability.keeps_grid
