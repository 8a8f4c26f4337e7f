"""What it costs to lose channels, by which they are chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from copy import copy

import numpy as np
import onnx_ir as ir

from detquant.graph.channels import Channels, Layer
from detquant.graph.traits import weight_channel_axis, weight_of
from detquant.graph.values import constant
from detquant.numerics.arrays import Doubles, Ints


class Criterion(ABC):
    """Costs of channels, which may change with those that have gone."""

    @abstractmethod
    def cheapest(self, roots: Ints, count: int) -> tuple[Ints, float]:
        """Of some channels that are there, those that cost least together, and what they cost.

        Args:
            roots: the channels.
            count: how many are wanted.
        """

    @abstractmethod
    def remove(self, roots: Ints) -> None:
        """These have gone."""


class Additive(Criterion):
    """Costs that do not depend on what else goes: those of several channels are their sum.

    Args:
        cost: of each channel, by its number; nothing of those that are not there.
    """

    def __init__(self, cost: Mapping[int, float]) -> None:
        self._cost = dict(cost)

    def cheapest(self, roots: Ints, count: int) -> tuple[Ints, float]:
        """Those of the smallest costs."""
        costs = np.array([self._cost.get(root, 0.0) for root in roots.tolist()])
        chosen = np.argsort(costs, kind="stable")[:count]
        return roots[chosen], float(costs[chosen].sum())

    def remove(self, roots: Ints) -> None:
        """Costs stay what they are."""


def magnitudes(graph: ir.Graph, channels: Channels) -> dict[int, float]:
    """Sum of the magnitudes of the weights that make a channel, as a share of its layer's (Li et al. 2017).

    Args:
        graph: float.
        channels: of it.
    """
    cost = dict[int, float]()
    for node in graph:
        layer, weight = channels.layers.get(node.name or ""), constant(weight_of(node))
        if layer is None or weight is None:
            continue
        sums = _by_output(np.abs(np.asarray(weight, np.float64)), node, layer)
        shares = sums / max(float(sums.sum()), 1e-30)
        for root, share in zip(channels.roots(layer.makes).tolist(), shares.tolist(), strict=True):
            cost[root] = cost.get(root, 0.0) + share
    return cost


def _by_output(weight: Doubles, node: ir.Node, layer: Layer) -> Doubles:
    """Sums of a weight's numbers for each output channel."""
    if node.op_type == "ConvTranspose":
        groups = node.attributes.get_int("group", 1)
        by_group = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
        return np.asarray(by_group.sum(axis=(1, 3)).reshape(-1), np.float64)
    axis = weight_channel_axis(node)
    sums = weight.sum(axis=tuple(k for k in range(weight.ndim) if k != axis))
    assert sums.shape == layer.makes.shape
    return np.asarray(sums, np.float64)


class NextLayers(Criterion):
    """What the layers that read a channel lose of their outputs; see `contributions`.

    Args:
        readers: the layers' contributions, by name.
        reach: how much a loss of each layer counts.
    """

    def __init__(self, readers: Mapping[str, Contributions], reach: Mapping[str, float]) -> None:
        self._readers, self._reach = dict(readers), dict(reach)
        self._reading = dict[int, list[str]]()
        for name, reader in self._readers.items():
            for root in reader.places:
                self._reading.setdefault(root, []).append(name)

    def cheapest(self, roots: Ints, count: int) -> tuple[Ints, float]:
        """One after another, each the cheapest after those before it: of two that are alike only one is."""
        names = dict.fromkeys(name for root in roots.tolist() for name in self._reading.get(root, ()))
        readers = [(self._readers[name].copy(), self._reach[name]) for name in names]
        left, gone, total = roots.tolist(), list[int](), 0.0
        for _ in range(count):
            costs = sum((reach * reader.costs(left) for reader, reach in readers), np.zeros(len(left)))
            place = int(np.argmin(costs))
            total += float(costs[place])
            gone.append(left.pop(place))
            _remove([reader for reader, _ in readers], gone[-1:])
        return np.array(gone, np.int64), total

    def remove(self, roots: Ints) -> None:
        """What is left has to do without these."""
        _remove(self._readers.values(), roots.tolist())


def _remove(readers: Iterable[Contributions], roots: Iterable[int]) -> None:
    for root in roots:
        for reader in readers:
            reader.remove(root)


class Contributions:
    """What each channel adds to a layer's outputs, and what is lost without some of them.

    With ``z_c`` what channel c adds to all outputs, and ``M[c, d] = cov(z_c, z_d)`` summed over the outputs, the
    outputs are approximated by ``sum of a_c z_c``, which costs ``(a - 1)^T M (a - 1)``: 0 for all, and for those that
    have gone ``a_c`` is 0 while the others are as good as they can be. As in Optimal Brain Surgeon (Hassibi & Stork
    1993), with ``N`` the inverse of M among those that are left,

        losing c costs  a_c^2 / N[c, c],   after which   a -= N[:, c] a_c / N[c, c],   N -= N[:, c] N[c, :] / N[c, c].

    Costs are shares of the outputs' variance.

    Args:
        roots: the channels, ``[channels]``.
        covariance: ``M``.
    """

    def __init__(self, roots: Ints, covariance: Doubles) -> None:
        self.places = {root: place for place, root in enumerate(roots.tolist())}
        size = len(roots)
        self.variance = max(float(covariance.sum()), 1e-30)
        floor = max(RIDGE * float(np.trace(covariance)) / size, 1e-30)
        self._inverse = np.linalg.inv(covariance + floor * np.eye(size))
        self._gone = list[Doubles]()  # N is the inverse less the product of each of these with itself
        self._own, self._factors = np.diagonal(self._inverse).copy(), np.ones(size)

    def copy(self) -> Contributions:
        """The same, to try what happens."""
        other = copy(self)
        other._gone, other._own, other._factors = list(self._gone), self._own.copy(), self._factors.copy()
        return other

    def costs(self, roots: Iterable[int]) -> Doubles:
        """What each of these alone costs; nothing where it is not read here."""
        places = np.array([self.places.get(root, -1) for root in roots])
        costs = np.square(self._factors) / np.maximum(self._own, 1e-30) / self.variance
        return np.where(places >= 0, costs[places], 0.0)

    def remove(self, root: int) -> None:
        """A channel goes."""
        place = self.places.get(root)
        if place is None:
            return
        column = self._inverse[:, place] - sum((one * one[place] for one in self._gone), np.zeros(len(self._own)))
        own = max(float(column[place]), 1e-30)
        self._factors -= column * (self._factors[place] / own)
        self._gone.append(column / np.sqrt(own))
        self._own -= np.square(self._gone[-1])
        self._factors[place], self._own[place] = 0.0, 1e30
        if len(self._gone) > WAITING:
            waiting = np.array(self._gone)
            self._inverse, self._gone = self._inverse - waiting.T @ waiting, []


WAITING = 64
"""Channels that have gone before the inverse is made anew: who only tries need not copy it."""
RIDGE = 1e-3
"""Share of the mean variance of a channel that is added to each: channels that are the same have no inverse."""
