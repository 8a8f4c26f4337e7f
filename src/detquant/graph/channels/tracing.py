"""Which channels of a graph can only go together, and which have to stay.

Each layer with a constant weight makes channels, which are followed from value to value: see `rules` for what each
operator does with them. What is never removed:

1. channels of the network's inputs and outputs;
2. what a head gives: a layer that decoding reads (`find_decode_tail`), for boxes and classes are no free choice;
3. what is read inside a subgraph, or by anything that has no rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from detquant.graph.channels.atoms import Atoms, Lane
from detquant.graph.channels.cuts import Cut
from detquant.graph.channels.layers import Layer
from detquant.graph.channels.reshaping import RESHAPES
from detquant.graph.channels.rules import RULES, stop
from detquant.graph.channels.weighted import follow_layer
from detquant.graph.decode_tail import find_decode_tail, is_weighted
from detquant.graph.traits import weight_of
from detquant.graph.values import is_op
from detquant.numerics.arrays import Bools, Ints

ALL_RULES = {**RULES, **RESHAPES}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channels:
    """The channels of a graph.

    Attributes:
        atoms: all of them, tied and fixed.
        lanes: those of each value that they are followed to, by its name.
        layers: the layers with weights, by name, in the graph's order.
        cuts: what has to be written anew where channels go.
    """

    atoms: Atoms
    lanes: Mapping[str, Lane]
    layers: Mapping[str, Layer]
    cuts: tuple[Cut, ...]

    def roots(self, atoms: Ints) -> Ints:
        """The one that stands for each of these and all that go with it."""
        return self.atoms.roots(atoms)

    def removable(self, atoms: Ints) -> Bools:
        """Which of these may go."""
        return ~self.atoms.fixed(atoms)


def trace(graph: ir.Graph) -> Channels:
    """Follows all channels of a graph.

    Args:
        graph: prepared, of named nodes and values and of static shapes.
    """
    tracing = _Tracing()
    heads = {node.name for node in find_decode_tail(graph).head_convs}
    shared = dict[ir.Value, Layer]()
    for node in graph:
        lanes = [tracing.lane(value) for value in node.inputs]
        if is_weighted(node):
            layer = follow_layer(node, tracing)
            if layer is not None:
                tracing.layers[layer.name] = layer
                _share(node, layer, shared, tracing)
        elif any(lane is not None for lane in lanes):
            known = is_op(node, node.op_type) and not _has_subgraph(node)
            rule = ALL_RULES.get(node.op_type) if known else None
            (rule or stop)(node, tracing)
        if node.name in heads:
            _fix(node.outputs[0], tracing)
    for value in tuple(tracing.by_value):
        if value.is_graph_output() or any(reader.graph is not graph for reader in value.consumers()):
            _fix(value, tracing)
    lanes_by_name = {value.name or "": lane for value, lane in tracing.by_value.items()}
    return Channels(atoms=tracing.atoms, lanes=lanes_by_name, layers=tracing.layers, cuts=tuple(tracing.cuts))


def _share(node: ir.Node, layer: Layer, shared: dict[ir.Value, Layer], tracing: _Tracing) -> None:
    """Ties the channels of layers of one weight, and fixes them where they do not read alike."""
    weight = weight_of(node)
    assert weight is not None
    other = shared.setdefault(weight, layer)
    for one, two in ((layer.reads, other.reads), (layer.makes, other.makes)):
        if one.shape == two.shape:
            tracing.tie(one.reshape(-1), two.reshape(-1))
        else:
            tracing.fix(one)
            tracing.fix(two)


def _has_subgraph(node: ir.Node) -> bool:
    return any(attr.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for attr in node.attributes.values())


def _fix(value: ir.Value, tracing: _Tracing) -> None:
    lane = tracing.lane(value)
    if lane is not None:
        tracing.fix(lane.atoms)


class _Tracing:
    """The state of following, see `detquant.graph.channels.rules.Tracing`."""

    def __init__(self) -> None:
        self.atoms = Atoms()
        self.by_value = dict[ir.Value, Lane]()
        self.layers = dict[str, Layer]()
        self.cuts = list[Cut]()
        self.fresh, self.fix, self.tie = self.atoms.fresh, self.atoms.fix, self.atoms.tie

    def lane(self, value: ir.Value | None) -> Lane | None:
        return None if value is None else self.by_value.get(value)

    def give(self, value: ir.Value, lane: Lane) -> None:
        self.by_value[value] = lane

    def fixed(self, count: int) -> Ints:
        made = self.fresh(count)
        self.fix(made)
        return made

    def cut(self, cut: Cut) -> None:
        self.cuts.append(cut)
