"""A net cut into units that are reconstructed one after another: single layers, or blocks of them.

A block is found on the graph, not by names. Where a tensor has several readers, their ways meet again at its immediate
postdominator (Cooper, Harvey and Kennedy 2001): what lies between is entered from that tensor, perhaps also from
tensors made before it, and left at one place. That is a residual block, an inverted one, a fire module, the inside of
a C2f.

1. Of the regions with at most so many layers, the largest are blocks; one inside another goes with it. With 0 layers
   only activations remain (x * sigmoid(x)), and each layer is a unit.
2. An operator without a weight goes with the one whose result it alone reads: an activation, a grid, a pooling.
3. A region that reads a tensor in parts (Split, Slice) goes with the layer that made it, and one that ends in a Concat
   with the layer that mixes what lies side by side there.
4. What is left is a unit by itself: a layer, or operators without one, which are only computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import fx

from detquant.algorithms.reconstruction.twin import Twin

PARTS = frozenset({"Split", "Slice"})
MIXED = 2
"""Layers that case 3 may add to a region of the most layers."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A part of the net.

    Attributes:
        nodes: its nodes in the graph's order.
        inputs: nodes outside that it reads.
        outputs: its nodes that others read, or the graph gives out.
        layers: names of its layers whose weights are in codes.
    """

    nodes: tuple[fx.Node, ...]
    inputs: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]
    layers: tuple[str, ...]


def units_of(twin: Twin, most: int) -> list[Unit]:
    """The units in an order in which each comes after those that it reads.

    Args:
        twin: the net.
        most: how many layers a region has at most; 0 for single layers.
    """
    groups = _Groups(twin, most)
    for region in _regions(twin, most):
        groups.join(region)
    groups.follow()
    if most:
        groups.widen()
        groups.follow()
    return list(_in_order(twin, groups.all()))


def _readers(node: fx.Node) -> list[fx.Node]:
    """Who reads a node; the graph's end is one of them, and who is read by nobody is none."""
    return [user for user in node.users if user.users or user.op == "output"]


def _regions(twin: Twin, most: int) -> list[set[fx.Node]]:
    """The largest disjoint regions with at most so many layers (case 1)."""
    place = {node: k for k, node in enumerate([*twin.inputs.values(), *twin.nodes])}
    meets, layers = postdominators(place), set(twin.layers.values())
    found = list[tuple[int, int, set[fx.Node]]]()
    for node, k in place.items():
        joint = meets.get(node)
        if len(_readers(node)) < 2 or joint is None or joint not in place:
            continue
        region = _between(node, joint)
        if len(region & layers) <= most:
            found.append((-len(region), k, region | ({node} if twin.kinds.get(node) == "Split" else set())))
    taken, chosen = set[fx.Node](), list[set[fx.Node]]()
    for _, _, region in sorted(found, key=lambda one: one[:2]):
        if not region & taken:
            taken |= region
            chosen.append(region)
    return chosen


def postdominators(nodes: Iterable[fx.Node]) -> dict[fx.Node, fx.Node]:
    """Where all ways from a node meet first, for each node that leads to the graph's end.

    Args:
        nodes: the graph's nodes in its order.
    """
    above, depth = dict[fx.Node, fx.Node](), dict[fx.Node, int]()
    for node in reversed(list(nodes)):
        meet = None
        for reader in _readers(node):
            if reader.op == "output":
                depth.setdefault(reader, 0)
            meet = reader if meet is None else _common(meet, reader, above, depth)
        if meet is not None:
            above[node], depth[node] = meet, depth[meet] + 1
    return above


def _common(one: fx.Node, other: fx.Node, above: Mapping[fx.Node, fx.Node], depth: Mapping[fx.Node, int]) -> fx.Node:
    while one is not other:
        if depth[one] >= depth[other]:
            one = above[one]
        else:
            other = above[other]
    return one


def _between(node: fx.Node, joint: fx.Node) -> set[fx.Node]:
    """The nodes on the ways from one node to another, with the latter."""
    found, waiting = {joint}, [node]
    while waiting:
        for reader in _readers(waiting.pop()):
            if reader not in found:
                found.add(reader)
                waiting.append(reader)
    return found


class _Groups:
    """Nodes that belong together, as they grow."""

    def __init__(self, twin: Twin, most: int) -> None:
        self.twin, self.most = twin, most
        self.layers = set(twin.layers.values())
        self.of = {node: {node} for node in twin.nodes}
        for node in twin.nodes:
            if node.op == "call_function":  # a part of what an operator gives is never without the others
                self.join([node, *node.all_input_nodes])

    def join(self, nodes: Iterable[fx.Node]) -> None:
        """Makes one group of all that these nodes belong to."""
        whole = set[fx.Node]().union(*(self.of[node] for node in nodes))
        for node in whole:
            self.of[node] = whole

    def all(self) -> list[set[fx.Node]]:
        """The groups."""
        return list({id(group): group for group in self.of.values()}.values())

    def count(self, *groups: Collection[fx.Node]) -> int:
        """How many layers these groups have."""
        return sum(len(self.layers.intersection(group)) for group in groups)

    def follow(self) -> None:
        """Operators without a weight go with the one whose result they alone read (case 2)."""
        for node in self.twin.nodes:
            group = self.of[node]
            sources = _sources(group)
            if self.count(group) or len(sources) != 1 or sources[0] not in self.of:
                continue
            before = self.of[sources[0]]
            if all(reader in group or reader in before for reader in _readers(sources[0])):
                self.join([node, sources[0]])

    def widen(self) -> None:
        """Regions take the layers before and behind them that belong to them (case 3)."""
        for group in self.all():
            if len(self.layers & group) < 1 or group is not self.of[next(iter(group))]:
                continue
            sources = _sources(group)
            if len(sources) == 1 and sources[0] in self.of and self.room(group, sources[0]):
                readers = _readers(sources[0])
                if all(r in group and self.twin.kinds.get(r) in PARTS for r in readers):
                    self.join([*group, sources[0]])
                    group = self.of[sources[0]]
            ends = [node for node in group if any(reader not in group for reader in _readers(node))]
            if len(ends) != 1 or self.twin.kinds.get(self.twin.source(ends[0])) != "Concat":
                continue
            readers = [reader for reader in _readers(ends[0]) if reader in self.of]
            behind = {id(self.of[reader]) for reader in readers}
            if len(behind) == 1 and len(readers) == len(_readers(ends[0])) and self.room(group, readers[0]):
                self.join([ends[0], readers[0]])

    def room(self, group: Collection[fx.Node], other: fx.Node) -> bool:
        """Whether a group and that of another node are not too many layers together."""
        return self.count(group, self.of[other]) <= self.most + MIXED


def _sources(group: Collection[fx.Node]) -> list[fx.Node]:
    """The nodes outside that a group reads."""
    return list(dict.fromkeys(one for node in group for one in node.all_input_nodes if one not in group))


def _in_order(twin: Twin, groups: Iterable[set[fx.Node]]) -> Iterator[Unit]:
    place = {node: k for k, node in enumerate(twin.nodes)}
    names = {node: name for name, node in twin.layers.items()}
    waiting = sorted((sorted(group, key=place.__getitem__) for group in groups), key=lambda nodes: place[nodes[0]])
    known = set(twin.inputs.values())
    while waiting:
        k = next(k for k, nodes in enumerate(waiting) if known.issuperset(_sources(set(nodes))))
        nodes = waiting.pop(k)
        inside = set(nodes)
        known |= inside
        yield Unit(
            nodes=tuple(nodes),
            inputs=tuple(sorted(_sources(inside), key=lambda node: place.get(node, -1))),
            outputs=tuple(node for node in nodes if any(reader not in inside for reader in _readers(node))),
            layers=tuple(names[node] for node in nodes if node in names),
        )
