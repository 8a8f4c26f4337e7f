"""Where the grid of each tensor comes from; cases 6 and 8 of `detquant.recipes.planner`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import onnx_ir as ir

from detquant.graph.channel_readers import channel_readers
from detquant.graph.traits import OPS, WEIGHTED, activation_inputs, bias_of, is_constant, weight_of
from detquant.numerics import QType, QuantSpec
from detquant.recipes.integer_operators import IntegerOperators
from detquant.recipes.plan import SCORES, Derived, Fixed, Own, Point, Shared

Range = tuple[float, float]


class GridSources:
    """The tensors at the edges of integer operators, and the sources of their grids.

    Args:
        operators: of the graph, told apart.
        ranges: tensor -> smallest and largest value, where they are known beforehand.
    """

    def __init__(self, operators: IntegerOperators, ranges: Mapping[str, Range]) -> None:
        self.operators, self.ranges = operators, ranges
        self.graph, self.capability, self.tail = operators.graph, operators.capability, operators.tail
        self.integer, self.inside = operators.integer, operators.inside

    def fused_away(self, value: ir.Value) -> bool:
        """Whether ``value`` lies between a weighted operator or a sum and what the runtime folds into it."""
        producer, uses = value.producer(), list(value.uses())
        readers = {id(self.inside.get(id(use.node))): self.inside.get(id(use.node)) for use in uses}
        for activation in (self.inside.get(id(producer)), *readers.values()):
            within = activation is not None and value is not activation.output and self.operators.fuses(activation)
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
        layer = activation.input.producer() if activation is not None and self.operators.fuses(activation) else producer
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
            if self.operators.one_grid(node):
                first = find(edges[0].name or "")
                for v in edges[1:]:
                    parent[find(v.name or "")] = first
        groups: dict[str, list[ir.Value]] = {}
        for name in [v.name or "" for v in self.graph.inputs] + [v.name or "" for n in self.graph for v in n.outputs]:
            if name in values:
                groups.setdefault(find(name), []).append(values[name])
        return {group[0].name or "": group for group in groups.values()}

    def preactivations(self, points: Mapping[str, Point]) -> dict[str, str]:
        """Kind of activation by the tensor that it alone reads: other readers may need the values that it flattens."""
        inside = {
            a.input.name or "": a.kind
            for a in self.operators.activations.values()
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
            fixed = self.fixed_range(group[0], spec) if sources[root] == (group[0].name,) else None
            if scores.issuperset(sources[root]):
                spec = replace(spec, observer="minmax")
            points[root] = Own(spec) if fixed is None else Fixed(spec, *fixed)
            points |= {v.name or "": Shared(root) for v in group[1:]}
        for node in self.integer.values():
            bias, x = bias_of(node), node.inputs[0]
            if bias is not None and x is not None and weight_of(node) is not None:
                points[bias.name or ""] = Derived(x.name or "", self.operators.name(node))
        return points, sources

    def is_moved(self, value: ir.Value) -> bool:
        """Whether the value holds only what tensors on the same grid hold; a joined constant is more."""
        producer = value.producer()
        if producer is None or id(producer) not in self.integer:
            return False
        joins = OPS[producer.op_type].joins
        return self.operators.one_grid(producer) and not (joins and any(map(is_constant, producer.inputs)))

    def spec_of(self, group: Sequence[ir.Value]) -> QuantSpec:
        """The widest of the wishes for what a grid holds, the first of these where several are as wide.

        They are those of the operators that write it; where none of them is an integer one, as for an image, of those
        that read it. Who only moves values wishes for nothing that others have not. Where one of them wishes for a
        power of two the grid has one, which suits the others as well.
        """
        written = [node for value in group if not self.is_moved(value) and (node := value.producer()) is not None]
        readers = [use.node for value in group for use in value.uses()]
        for nodes in (written, readers, [node for value in group if (node := value.producer()) is not None]):
            wishes = [self.operators.wish(node).activation for node in nodes if id(node) in self.integer]
            if specs := [spec for spec in wishes if spec is not None]:
                widest = max(specs, key=lambda spec: spec.qtype.bits)
                powers = any(spec.power_of_two for spec in specs)
                return self.for_target(replace(widest, power_of_two=powers))
        raise AssertionError("a grid without an integer operator")

    def for_target(self, spec: QuantSpec) -> QuantSpec:
        """The wish for an activation in the symmetry and sign that the target takes."""
        if not self.capability.symmetric and spec.qtype.bits not in self.capability.symmetric_bits:
            return spec
        return replace(spec, qtype=QType(spec.qtype.bits, True), symmetric=True)

    def fixed_range(self, value: ir.Value, spec: QuantSpec) -> Range | None:
        """The range of a tensor where no image needs to be seen for it; None where one must."""
        producer, name = value.producer(), value.name or ""
        if producer is None or name in self.ranges:
            return self.ranges.get(name)
        traits = OPS.get(producer.op_type)
        if traits is None:
            return None
        return self.capability.fixed_ranges.get((producer.op_type, spec.qtype.bits), traits.fixed_range)
