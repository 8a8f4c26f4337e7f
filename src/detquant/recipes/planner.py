"""From wish and facts to decision, before an image is read.

1. The decode tail stays float; so do the convolutions that feed it unless the recipe says ``head = "int"``, the
   target's integer kernels write float, or the only one of them gives one vector of class scores, as a classifier's
   does.
2. An operator is integer when the recipe, or what was chosen for it alone, gives it a grid and the target has a kernel.
3. Operators without weights follow their producers: an Add behind two float convolutions stays float. Those
   that only move values (MaxPool, Concat, Slice, ...) also become integer when all their readers are.
4. A composite activation (SiLU) is one operator: integer as a whole, where the target can, inside the layer before it
   or step by step, or float as a whole.
5. Where a target computes in integers only, head convolutions are integer too, operators that read the image follow it,
   and what would still stay float before the tail is refused.
6. Grids: moved values share the grid of where they come from, joined values share one, a sigmoid's grid is fixed, and
   so is that of an image whose range is known, a bias's is derived, every other tensor at the edge of an integer
   operator has its own.
7. A layer in float before the decode tail keeps its weight in codes where that costs the target no time; a recipe that
   wishes for no more than that (`w8`) needs a target that can.
8. The logits of scores, where they have a grid, reach from the smallest that is ever shown to the largest seen: an
   object is rare, so the mean of the images' largest would cut it off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import onnx_ir as ir

from detquant.graph import Activation, DecodeTail, find_activations, find_decode_tail
from detquant.graph.channel_readers import channel_readers
from detquant.graph.traits import OPS, WEIGHTED, activation_inputs, bias_of, is_constant, weight_of
from detquant.numerics import Capability, QType, QuantSpec
from detquant.recipes.choice import Choice
from detquant.recipes.on_the_fly import plan_on_the_fly
from detquant.recipes.plan import SCORES, Derived, Fixed, Own, Plan, Point, Shared
from detquant.recipes.recipe import Recipe
from detquant.recipes.refusals import (
    require_choices,
    require_integers,
    require_kernels,
    require_layers,
    require_unfolding,
)

FLOAT_PRODUCERS = "its producers run in float"
Range = tuple[float, float]


def plan(
    model: ir.Model,
    recipe: Recipe,
    capability: Capability,
    choices: Mapping[str, Choice] | None = None,
    ranges: Mapping[str, Range] | None = None,
) -> Plan:
    """Decides for each operator and tensor whether it is quantised, and for each tensor on which grid.

    Args:
        model: prepared graph.
        recipe: the wish.
        capability: the target's facts.
        choices: what single operators are given, whatever the recipe says.
        ranges: tensor -> smallest and largest value, for those at the graph's inputs where they are known beforehand.

    Raises:
        RecipeError: nothing would be quantised, the target has no kernel for the recipe's types, or a choice is about
            an operator that is not there.
        UnsupportedOperator: one would stay float on a target that computes in integers only.
    """
    chosen = choices or {}
    require_choices(recipe, chosen, {node.name or "" for node in model.graph})
    if recipe.dynamic:
        return plan_on_the_fly(model.graph, recipe, capability, chosen)
    require_unfolding(recipe, capability)
    return _Planner(model.graph, recipe, capability, chosen, ranges or {}).plan()


class _Planner:
    def __init__(
        self,
        graph: ir.Graph,
        recipe: Recipe,
        capability: Capability,
        choices: Mapping[str, Choice],
        ranges: Mapping[str, Range],
    ) -> None:
        self.graph, self.recipe, self.capability, self.choices = graph, recipe, capability, choices
        self.ranges = ranges
        self.tail: DecodeTail = find_decode_tail(graph)
        self.activations = find_activations(graph)
        self.inside = {id(n): a for a in self.activations.values() for n in a.nodes}
        self.float: dict[int, str] = {}
        self.integer: dict[int, ir.Node] = {}

    def plan(self) -> Plan:
        for node in self.graph:
            reason = self.why_float(node)
            if reason:
                self.float[id(node)] = reason
        self.keep_composites_whole()
        self.propagate_forward()
        self.propagate_backward()
        weights = self.weights()
        layers = [self.name(n) for n in self.integer.values() if n.op_type in WEIGHTED]
        require_layers(self.recipe, self.capability, list(weights) if self.recipe.weight_only else layers)
        require_kernels(self.recipe, self.capability, {n: self.wish(n) for n in self.integer.values()})
        if self.capability.integer_only:
            require_integers(self.capability, self.float_before_tail())
        groups = self.group_by_grid()
        points, sources = self.points(groups)
        return Plan(
            points=points,
            weights=weights,
            integer=tuple(self.name(n) for n in self.graph if id(n) in self.integer),
            kept_float={self.name(n): self.float[id(n)] for n in self.graph if id(n) in self.float},
            sources=sources,
            preactivations=self.preactivations(points),
            recipe=self.recipe.name,
            target=self.capability.name,
        )

    @staticmethod
    def name(node: ir.Node) -> str:
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
        """What ``node`` is to be given: what was chosen for it, or what the recipe says."""
        return self.choices.get(self.name(node)) or self.recipe.choice_for(node)

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

    def fused_away(self, value: ir.Value) -> bool:
        """Whether ``value`` lies between a weighted operator or a sum and what the runtime folds into it."""
        producer, uses = value.producer(), list(value.uses())
        readers = {id(self.inside.get(id(use.node))): self.inside.get(id(use.node)) for use in uses}
        for activation in (self.inside.get(id(producer)), *readers.values()):
            within = activation is not None and value is not activation.output and self.fuses(activation)
            if within and producer is not None and id(producer) in self.integer:
                return True
        return (
            producer is not None
            and len(uses) == 1
            and not value.is_graph_output()
            and uses[0].node.op_type in self.foldable(producer)
            and id(uses[0].node) in self.integer
        )

    def foldable(self, node: ir.Node) -> frozenset[str]:
        """Types of the operators that the runtime folds into the kernel of ``node``."""
        if node.op_type in WEIGHTED:
            return self.capability.fused
        return self.capability.fused_after_add if node.op_type == "Add" else frozenset()

    def stays_float(self, value: ir.Value) -> bool:
        """Whether ``value`` goes from a layer to float operators alone, on a target whose kernels write float."""
        producer = value.producer()
        activation = self.inside.get(id(producer))
        layer = activation.input.producer() if activation is not None and self.fuses(activation) else producer
        return (
            self.capability.float_results
            and layer is not None
            and layer.op_type in WEIGHTED
            and not any(id(use.node) in self.integer for use in value.uses())
        )

    def group_by_grid(self) -> dict[str, list[ir.Value]]:
        """Tensors at the edges of integer operators, grouped by grid; keys are the roots, in graph order."""
        parent: dict[str, str] = {}

        def find(name: str) -> str:
            while parent.setdefault(name, name) != name:
                name = parent[name]
            return name

        values: dict[str, ir.Value] = {}
        for node in self.integer.values():
            edges = [*activation_inputs(node), *node.outputs]
            values |= {v.name or "": v for v in edges if not self.fused_away(v) and not self.stays_float(v)}
            if self.one_grid(node):
                first = find(edges[0].name or "")
                for v in edges[1:]:
                    parent[find(v.name or "")] = first
        groups: dict[str, list[ir.Value]] = {}
        for name in [v.name or "" for v in self.graph.inputs] + [v.name or "" for n in self.graph for v in n.outputs]:
            if name in values:
                groups.setdefault(find(name), []).append(values[name])
        return {group[0].name or "": group for group in groups.values()}

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

    def preactivations(self, points: Mapping[str, Point]) -> dict[str, str]:
        """Kind of activation by the tensor that it alone reads: other readers may need the values that it flattens."""
        inside = {
            a.input.name or "": a.kind
            for a in self.activations.values()
            if (a.input.name or "") in points
            and not a.input.is_graph_output()
            and all(use.node in a.nodes for use in a.input.uses())
        }
        return inside | {name: SCORES for name in self.score_heads() if isinstance(points.get(name), Own)}

    def score_heads(self) -> set[str]:
        """Names of head outputs all of whose channels decoding takes for scores (case 8)."""
        heads = {node.outputs[0] for node in self.tail.head_convs if id(node) in self.integer}
        readers = {value.name or "": channel_readers(value) for value in heads}
        return {name for name, nodes in readers.items() if nodes and all(n.op_type == "Sigmoid" for n in nodes)}

    def points(self, groups: Mapping[str, list[ir.Value]]) -> tuple[dict[str, Point], dict[str, tuple[str, ...]]]:
        """Where each grid comes from, and whose ranges make up the range of each root."""
        points: dict[str, Point] = {}
        sources: dict[str, tuple[str, ...]] = {}
        scores = self.score_heads()
        for root, group in groups.items():
            spec = self.spec_of(group)
            sources[root] = tuple(v.name or "" for v in group if not self.is_moved(v))
            fixed = self.fixed_range(group[0]) if sources[root] == (group[0].name,) else None
            if scores.issuperset(sources[root]):
                spec = replace(spec, observer="minmax")
            points[root] = Own(spec) if fixed is None else Fixed(spec, *fixed)
            points |= {v.name or "": Shared(root) for v in group[1:]}
        for node in self.integer.values():
            bias, x = bias_of(node), node.inputs[0]
            if bias is not None and x is not None and weight_of(node) is not None:
                points[bias.name or ""] = Derived(x.name or "", self.name(node))
        return points, sources

    def is_moved(self, value: ir.Value) -> bool:
        """Whether the value holds only what tensors on the same grid hold; a joined constant is more."""
        producer = value.producer()
        if producer is None or id(producer) not in self.integer:
            return False
        joins = OPS[producer.op_type].joins
        return self.one_grid(producer) and not (joins and any(map(is_constant, producer.inputs)))

    def one_grid(self, node: ir.Node) -> bool:
        """Whether all that the operator reads and writes lies on one grid."""
        traits = OPS[node.op_type]
        return traits.keeps_grid or traits.joins or node.op_type in self.capability.keeps_grid

    def spec_of(self, group: Iterable[ir.Value]) -> QuantSpec:
        """The wish of the first integer operator at the group's edge."""
        for value in group:
            producer = value.producer()
            readers = [use.node for use in value.uses()]
            for node in readers if producer is None else [producer, *readers]:
                spec = self.wish(node).activation if id(node) in self.integer else None
                if spec is not None:
                    return self.for_target(spec)
        raise AssertionError("a grid without an integer operator")

    def for_target(self, spec: QuantSpec) -> QuantSpec:
        """The wish for an activation in the symmetry and sign that the target takes."""
        if not self.capability.symmetric:
            return spec
        return replace(spec, qtype=QType(spec.qtype.bits, True), symmetric=True)

    def fixed_range(self, value: ir.Value) -> tuple[float, float] | None:
        producer, name = value.producer(), value.name or ""
        if producer is None or name in self.ranges:
            return self.ranges.get(name)
        traits = OPS.get(producer.op_type)
        if traits is None:
            return None
        return self.capability.fixed_ranges.get(producer.op_type, traits.fixed_range)
