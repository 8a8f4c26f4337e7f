"""The loss: how far the quantised network is from the float one, and, where they are asked for, from labels.

    loss = (F / F_0  +  a mean over terms of H / H_0) / (1 + a),        a: `heads`, _0: at the start

F is the mean over the ends of all blocks (`reconstruction.units`) of the squared error, that of each channel as a
share of its variance in float: a channel counts by what it tells and not by how large its numbers are. H are what the
heads give, before anything is decoded:

1. what a sigmoid makes scores of: cross-entropy against the float model's scores, less what these have by themselves,
   for each object that the float model sees;
2. what a softmax makes probabilities of (bins of distances, classes): Kullback-Leibler divergence, cells weighed by
   the best float score where there is one to each cell;
3. a classifier's logits: Kullback-Leibler divergence of the probabilities;
4. whatever else the heads give: squared error as a share of the variance, channel by channel.

Which numbers of a head are read by 1 and 2 is found by a gradient through the tail: it is not 0 there.

Labels, where they are asked for, have a loss L of their own (`finetune.labels`). The float model does not meet them
either, so the way to it is the measure, and with this beside the loss above

    (loss  +  a b max(0, 1 + (L - L_0) / (L_0 - L_float))) / (1 + a b)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import fx
from torch.nn import functional as F

from detquant.algorithms.finetune.labels import Label, LabelLoss
from detquant.algorithms.finetune.network import Network, Reader
from detquant.algorithms.finetune.readers import SIGMOID
from detquant.algorithms.reconstruction.twin import Function, Values, compute
from detquant.algorithms.reconstruction.units import units_of
from detquant.calibration.probes import channel_axis

LAYERS = 10
"""Layers of a block at most, as for the step `blocks`."""
LEAST = 0.05
"""Variance that a channel has at least, as a share of the mean over channels: dead ones would drown all others."""
LEAST_SEEN = 0.02
"""Weight of a cell where the float model sees nothing."""
NEGLIGIBLE = 1e-10
TOGETHER = 8
"""Images that are judged at once."""
LABEL_WEIGHT = 0.15
"""The weight b of labels: with few images more of them teaches these and no others."""
LEAST_REACH = 0.05
"""How far the loss of labels is taken to be from that of the float model at least, as a share of it."""
FEATURES, REST, CLASSES, LABELS = "features", "rest", "classes", "labels"

Terms = dict[str, torch.Tensor]


class Distillation:
    """The loss of one network.

    Attributes:
        start: the parts at the start.
        labels: the loss of labels; None to go without.
        reach: how far that is from the float model's at the start.
        logits: the head that gives logits of classes; None where none is known to.

    Args:
        network: both nets.
        classifies: whether its one head gives logits of classes.
        heads: weight of the heads beside the features.
    """

    def __init__(self, network: Network, *, classifies: bool, heads: float) -> None:
        self.network, self.heads = network, heads
        units, body = units_of(network.twin, LAYERS), set(network.body)
        ends = (node for unit in units if unit.layers for node in unit.outputs)
        self.features = [n for n in ends if n in body and network.twin.source(n) not in network.heads]
        self.logits = network.heads[0] if classifies and not network.readers and len(network.heads) == 1 else None
        self.labels: LabelLoss | None = None
        self.variances = dict[fx.Node, torch.Tensor]()
        self.uncovered = dict[fx.Node, torch.Tensor]()
        self.start: Mapping[str, float] = {}
        self.reach = 1.0

    def way_to_float(
        self, functions: Mapping[fx.Node, Function], images: Sequence[torch.Tensor], truth: Sequence[Label]
    ) -> float:
        """How far the loss of labels is from that of the float model; no less than a share of it.

        Args:
            functions: what the quantised network's nodes compute.
            images: some images.
            truth: the label of each.
        """
        assert self.labels is not None, "labels are asked for"
        found = exact = 0.0
        with torch.no_grad():
            for part, labels in self._together(images, truth):
                share = len(part) / len(images)
                found += share * float(self.labels(*self.network.run(functions, part), labels or ()))
                exact += share * float(self.labels(*self.network.exact(part), labels or ()))
        return max(found - exact, LEAST_REACH * found, NEGLIGIBLE)

    def measure(self, images: Sequence[torch.Tensor]) -> None:
        """Finds the variance of each channel in float, and which numbers of the heads are read by whom.

        Args:
            images: some images, one each.
        """
        nodes = [*self.features, *self.network.heads]
        sums = {node: [torch.zeros(()), torch.zeros(())] for node in nodes}
        with torch.no_grad():
            for image in images:
                values, _ = self.network.exact(image)
                for node in nodes:
                    by_channel = _by_channel(values[node])
                    sums[node][0] = sums[node][0] + by_channel.mean(1) / len(images)
                    sums[node][1] = sums[node][1] + by_channel.square().mean(1) / len(images)
        for node, (mean, square) in sums.items():
            variance = (square - mean.square()).clamp(min=0)
            self.variances[node] = torch.maximum(variance, LEAST * variance.mean()).clamp(min=1e-12)
        self.uncovered = self._uncovered(images[0])

    def _uncovered(self, image: torch.Tensor) -> dict[fx.Node, torch.Tensor]:
        """Which numbers of each head nobody turns into a probability: 1 there, 0 elsewhere."""
        with torch.no_grad():
            values, _ = self.network.exact(image)
        heads = {node: torch.randn_like(values[node]).requires_grad_() for node in self.network.heads}
        known: Values = {**values, **heads}
        known |= {node: heads[head] for node in values if (head := self.network.twin.source(node)) in heads}
        compute(self.network.tail, known, self.network.twin.exact)
        if self.network.readers:
            torch.stack([known[reader.node].sum() for reader in self.network.readers]).sum().backward()
        read = {node: torch.zeros_like(head) if head.grad is None else head.grad for node, head in heads.items()}
        return {node: (grad == 0).to(torch.float32) for node, grad in read.items() if bool((grad == 0).any())}

    def terms(
        self, functions: Mapping[fx.Node, Function], images: torch.Tensor, truth: Sequence[Label] | None = None
    ) -> Terms:
        """The parts of the loss on some images, by name.

        Args:
            functions: what the quantised network's nodes compute.
            images: ``[n, ...]``, of the form that `Network.run` takes.
            truth: the label of each; None to go without labels.
        """
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            exact, exact_tails = self.network.exact(images)
        rounded, rounded_tails = self.network.run(functions, images)
        found: Terms = {}
        if self.features:
            parts = [self._missed(node, rounded, exact) for node in self.features]
            found[FEATURES] = torch.stack(parts).mean()
        if self.logits is not None:
            found[CLASSES] = _divergence(rounded[self.logits], exact[self.logits], 1).mean()
        elif self.uncovered:
            parts = [self._missed(node, rounded, exact) for node in self.uncovered]
            found[REST] = torch.stack(parts).mean()
        for k, reader in enumerate(self.network.readers):
            pairs = zip(rounded_tails, exact_tails, strict=True)
            each = [self._read(reader, one[reader.node], other) for one, other in pairs]
            found[f"{reader.kind} {k}"] = torch.stack(each).mean()
        if truth is not None and self.labels is not None:
            found[LABELS] = self.labels(rounded, rounded_tails, truth)
        return found

    def _missed(self, node: fx.Node, rounded: Values, exact: Values) -> torch.Tensor:
        square, axis = (rounded[node] - exact[node]).square(), channel_axis(rounded[node].dim())
        others = [k for k in range(square.dim()) if k != axis]
        if node in self.uncovered:
            counts = self.uncovered[node].expand(square.shape)
            return ((square * counts).sum(dim=others) / self.variances[node]).sum() / counts.sum()
        return (square.mean(dim=others) / self.variances[node]).mean()

    def _read(self, reader: Reader, found: torch.Tensor, exact: Values) -> torch.Tensor:
        wanted = exact[reader.node]
        if reader.kind == SIGMOID:
            scores = torch.sigmoid(wanted)
            entropy = F.binary_cross_entropy_with_logits(wanted, scores, reduction="sum")
            crossed = F.binary_cross_entropy_with_logits(found, scores, reduction="sum")
            return (crossed - entropy) / scores.sum().clamp(min=1.0)
        divergence = _divergence(found, wanted, reader.axis)
        weights = self._seen(exact, divergence.shape[-1])
        return divergence.mean() if weights is None else (divergence * weights).mean() / weights.mean()

    def _seen(self, exact: Values, cells: int) -> torch.Tensor | None:
        """How sure the float model is of each cell, where its scores are of so many cells."""
        for reader in self.network.readers:
            scores = exact[reader.node]
            if reader.kind == SIGMOID and scores.dim() == 3 and scores.shape[-1] == cells:
                return torch.sigmoid(scores).amax(dim=1, keepdim=True) + LEAST_SEEN
        return None

    def total(self, terms: Terms) -> torch.Tensor:
        """One number from the parts, 1 for what they were at the start."""
        alike = self._from_float({name: term for name, term in terms.items() if name != LABELS})
        if LABELS not in terms:
            return alike
        # 0 where the float model is: who asks for more would have labels outvote it, right or wrong
        told = (1.0 + (terms[LABELS] - self.start[LABELS]) / self.reach).clamp(min=0.0)
        weight = LABEL_WEIGHT * self.heads
        return (alike + weight * told) / (1.0 + weight)

    def _from_float(self, terms: Terms) -> torch.Tensor:
        parts = {name: term / self.start[name] for name, term in terms.items() if self.start[name] > NEGLIGIBLE}
        heads = [part for name, part in parts.items() if name != FEATURES]
        none = torch.zeros(())
        features = parts.get(FEATURES)
        if features is None or not heads:
            return torch.stack(heads).mean() if heads else none if features is None else features
        return (features + self.heads * torch.stack(heads).mean()) / (1.0 + self.heads)

    def mean_terms(
        self,
        functions: Mapping[fx.Node, Function],
        images: Sequence[torch.Tensor],
        truth: Sequence[Label] | None = None,
    ) -> dict[str, float]:
        """The parts of the loss, the mean over images."""
        sums = dict[str, float]()
        with torch.no_grad():
            for part, labels in self._together(images, truth):
                for name, term in self.terms(functions, part, labels).items():
                    sums[name] = sums.get(name, 0.0) + float(term) * len(part) / len(images)
        return sums

    def _together(
        self, images: Sequence[torch.Tensor], truth: Sequence[Label] | None
    ) -> Iterator[tuple[torch.Tensor, Sequence[Label] | None]]:
        """As many images at once as may be, and their labels."""
        several = TOGETHER if self.network.stacked else 1
        for place in range(0, len(images), several):
            part = slice(place, place + several)
            yield torch.cat(list(images[part])), None if truth is None else truth[part]


def _by_channel(data: torch.Tensor) -> torch.Tensor:
    """``[channels, numbers]``."""
    return data.movedim(channel_axis(data.dim()), 0).reshape(data.shape[channel_axis(data.dim())], -1)


def _divergence(found: torch.Tensor, wanted: torch.Tensor, axis: int) -> torch.Tensor:
    """Kullback-Leibler divergence of the probabilities that a softmax gives, along an axis."""
    ours, theirs = torch.log_softmax(found, axis), torch.log_softmax(wanted, axis)
    return (theirs.exp() * (theirs - ours)).sum(axis)
