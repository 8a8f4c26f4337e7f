"""Which channels go: again and again those that cost least for the multiply-accumulates that they save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detquant.algorithms.prune.bundles import Bundle
from detquant.algorithms.prune.criteria import Criterion
from detquant.graph.channels import Channels, Layer
from detquant.numerics.arrays import Bools, Ints

NEAR = 0.01
"""Share of the multiply-accumulates by which less, or more, may go than was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """The channels that go.

    Attributes:
        gone: their numbers, one for all that go together.
        share: of the multiply-accumulates that go with them.
    """

    gone: Ints
    share: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """Channels of a bundle that could go next: what they cost, and the multiply-accumulates that they save."""

    roots: Ints
    cost: float
    saved: float

    @property
    def rate(self) -> float:
        return max(self.cost, 1e-12) / max(self.saved, 1e-12)


class Choice:
    """A choice among bundles.

    Args:
        channels: of the graph.
        bundles: of it.
        criterion: says what channels cost.
        macs: multiply-accumulates of the graph.
        multiple: see `Prune`, as the others.
        least: see there.
    """

    def __init__(
        self,
        channels: Channels,
        bundles: Sequence[Bundle],
        criterion: Criterion,
        *,
        macs: int,
        multiple: int,
        least: int,
    ) -> None:
        self._criterion, self._bundles, self._macs = criterion, bundles, macs
        self._multiple, self._least = multiple, least
        self._work = _Work(channels)
        self._left = [bundle.roots for bundle in bundles]
        self._near: Mapping[str, list[int]] = _by_layer(bundles)

    def take(self, share: float) -> Chosen:
        """Lets channels go until about this share of the multiply-accumulates has gone, or nothing is left that may."""
        candidates = {place: self._candidate(place) for place in range(len(self._bundles))}
        start, done = self._work.total, 0.0
        while done < share - NEAR:
            fitting = [(one.rate, place) for place, one in candidates.items() if one is not None]
            near = [key for key in fitting if done + self._share(candidates[key[1]]) <= share + NEAR]
            if not near:
                near = [key for key in fitting if done + self._share(candidates[key[1]]) - share < share - done]
            if not near:
                break
            _, place = min(near)
            chosen = candidates[place]
            assert chosen is not None, "those without a candidate do not fit"
            self._remove(place, chosen)
            done = (start - self._work.total) / self._macs
            for other in {k for name in self._bundles[place].layers for k in self._near[name]}:
                candidates[other] = self._candidate(other)
        return Chosen(gone=np.sort(self._work.gone), share=done)

    def _share(self, candidate: _Candidate | None) -> float:
        return 0.0 if candidate is None else candidate.saved / self._macs

    def _candidate(self, place: int) -> _Candidate | None:
        bundle, left = self._bundles[place], self._left[place]
        fewer = bundle.next_count(len(left), self._multiple, self._least)
        if fewer == len(left):
            return None
        roots, cost = self._criterion.cheapest(left, len(left) - fewer)
        return _Candidate(roots=roots, cost=cost, saved=self._work.saved(bundle.layers, roots))

    def _remove(self, place: int, chosen: _Candidate) -> None:
        self._left[place] = self._left[place][~np.isin(self._left[place], chosen.roots)]
        self._criterion.remove(chosen.roots)
        self._work.remove(self._bundles[place].layers, chosen.roots)


def _by_layer(bundles: Sequence[Bundle]) -> dict[str, list[int]]:
    found = dict[str, list[int]]()
    for place, bundle in enumerate(bundles):
        for name in bundle.layers:
            found.setdefault(name, []).append(place)
    return found


class _Work:
    """Multiply-accumulates that are left of each layer."""

    def __init__(self, channels: Channels) -> None:
        roots = channels.roots
        self._layers = {
            name: replace(layer, reads=roots(layer.reads), makes=roots(layer.makes))
            for name, layer in channels.layers.items()
        }
        self._there = np.ones(len(channels.atoms), bool)
        self._left = {name: float(layer.macs) for name, layer in self._layers.items()}

    @property
    def total(self) -> float:
        return sum(self._left.values())

    @property
    def gone(self) -> Ints:
        return np.flatnonzero(~self._there)

    def saved(self, names: frozenset[str], roots: Ints) -> float:
        """What would go with these channels, of these layers."""
        there = self._there.copy()
        there[roots] = False
        return sum(self._left[name] - self._macs(self._layers[name], there) for name in sorted(names))

    def remove(self, names: frozenset[str], roots: Ints) -> None:
        self._there[roots] = False
        for name in names:
            self._left[name] = self._macs(self._layers[name], self._there)

    def _macs(self, layer: Layer, there: Bools) -> float:
        return layer.macs_left(lambda roots: there[roots])
