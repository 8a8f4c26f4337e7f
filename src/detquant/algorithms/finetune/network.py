"""The network that is trained beside its float model: up to its heads, and the functions that read these.

Where the graph decodes its heads with a sigmoid or a softmax (`finetune.readers`), these are part of it, since what
they are given is what the loss looks at; what is behind them is not.

1. The body, as far as the heads, computes several images at once where it can, and so does the tail behind the heads.
   Shapes may be written into either so that it cannot; so it is tried out.
2. A tail with an operator that torch has no counterpart of is left out: then the loss knows of heads alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import onnx_ir as ir
import torch
from torch import fx

from detquant.algorithms.finetune.readers import reads
from detquant.algorithms.finetune.smaller import Shown, seen, shown_of
from detquant.algorithms.reconstruction.twin import Function, Twin, Values, compute, twin_of
from detquant.calibration import QuantModel
from detquant.errors import UnsupportedOperator
from detquant.fake_quant.module import OPERATOR
from detquant.graph import find_decode_tail
from detquant.graph.values import static_shape

TOLERANCE, FOUR = 1e-4, 4


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A function of the tail that makes probabilities.

    Attributes:
        node: the node of what it reads.
        kind: "Sigmoid" or "Softmax".
        axis: the axis whose numbers sum up to 1; of a softmax.
    """

    node: fx.Node
    kind: str
    axis: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The two nets, and their parts.

    Attributes:
        twin: the nets.
        body: nodes as far as the heads.
        tail: nodes behind them.
        heads: nodes of the last layers.
        readers: what makes probabilities of the heads' numbers.
        stacked: whether the body computes several images at once.
        whole: whether the tail does, too.
        shown: what the quantised net has of values of a larger float net.
    """

    twin: Twin
    body: tuple[fx.Node, ...]
    tail: tuple[fx.Node, ...]
    heads: tuple[fx.Node, ...]
    readers: tuple[Reader, ...]
    stacked: bool = False
    whole: bool = False
    shown: Mapping[fx.Node, Shown] = field(default_factory=dict)

    def run(self, functions: Mapping[fx.Node, Function], images: torch.Tensor) -> tuple[Values, list[Values]]:
        """Computes the body on images, and the tail on all or on each of them.

        Args:
            functions: what the nodes compute.
            images: ``[n, ...]``; one, unless the body is stacked.

        Returns:
            The body's values of all, and the tail's of all together or of each image.
        """
        [given] = self.twin.inputs.values()
        if images.dim() == FOUR:
            images = images.contiguous(memory_format=torch.channels_last)  # few channels: twice as fast
        values = compute(self.body, {given: images}, functions)
        read = dict.fromkeys(one for node in self.tail for one in node.all_input_nodes if one in values)
        if self.whole:
            return values, [compute(self.tail, {node: values[node] for node in read}, functions)]
        each = [{node: values[node][k : k + 1] for node in read} for k in range(len(images) if self.tail else 0)]
        return values, [compute(self.tail, one, functions) for one in each]

    def exact(self, images: torch.Tensor) -> tuple[Values, list[Values]]:
        """What the float net gives, as `run`: of each value the channels that the quantised net has."""
        values, tails = self.run(self.twin.exact, images)
        return {node: seen(self.shown, node, value) for node, value in values.items()}, tails


def shown_by(qm: QuantModel) -> ir.Model:
    """The float model that shows what is to be seen: the one that was given, before channels were pruned."""
    return qm.original.model if qm.original else qm.reference


def network_of(qm: QuantModel, step: str, device: str) -> Network | None:
    """The network of a quantised model; None where no layer has its weight in codes.

    Args:
        qm: the model.
        step: name of the step that wants it, for messages.
        device: where it is computed.

    Raises:
        UnsupportedOperator: an operator before the heads has no counterpart in torch.
    """
    if not qm.weights:
        return None
    whole = shown_by(qm)
    tail = find_decode_tail(qm.reference.graph)
    heads = [node.name or "" for node in tail.head_convs]
    functions = {node.name or "": kind for node in tail.nodes if (kind := reads(node))}
    try:
        twin = twin_of(qm, step, [*heads, *functions], whole)
    except UnsupportedOperator:
        functions, twin = {}, twin_of(qm, step, heads, whole)
    twin.to(device)
    named = {str(node.meta[OPERATOR]): node for node in twin.nodes if OPERATOR in node.meta}
    ends = tuple(named[name] for name in heads if name in named)
    behind = _behind(twin, {node.name or "" for node in tail.nodes})
    readers = tuple(
        Reader(named[name].all_input_nodes[0], kind, axis) for name, (kind, axis) in functions.items() if name in named
    )
    body = tuple(node for node in twin.nodes if node not in behind)
    tails, shown = tuple(n for n in twin.nodes if n in behind), shown_of(twin, qm.original, device)
    found = Network(twin, body, tails, ends, readers, shown=shown)
    shape = static_shape(qm.reference.graph.inputs[0])
    if shape is None:
        return found
    found = replace(found, stacked=_stacks(found, body, ends, shape, device))
    ways = [reader.node for reader in readers]
    return replace(found, whole=bool(ways) and found.stacked and _stacks(found, twin.nodes, ways, shape, device))


def _behind(twin: Twin, names: Collection[str]) -> set[fx.Node]:
    """The nodes of the tail's operators, and what stands behind these."""
    found = set[fx.Node]()
    for node in twin.nodes:
        if str(node.meta.get(OPERATOR)) in names or not found.isdisjoint(node.all_input_nodes):
            found.add(node)
    return found


def _stacks(
    network: Network, nodes: Sequence[fx.Node], ends: Sequence[fx.Node], shape: Sequence[int], device: str
) -> bool:
    """Whether nodes compute two images at once as they compute each."""
    both = torch.rand([2 * shape[0], *shape[1:]], generator=torch.Generator().manual_seed(0)).to(device)
    [given] = network.twin.inputs.values()
    with torch.no_grad():
        try:
            whole = compute(nodes, {given: both}, network.twin.exact)
        except (RuntimeError, IndexError):
            return False
        one = compute(nodes, {given: both[: shape[0]]}, network.twin.exact)
    return all(
        len(whole[node]) == 2 * len(one[node])
        and bool((whole[node][: len(one[node])] - one[node]).abs().max() <= TOLERANCE * one[node].abs().max() + 1e-9)
        for node in ends
    )
