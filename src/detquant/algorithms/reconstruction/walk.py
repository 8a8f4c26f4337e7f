"""A net reconstructed unit by unit, in the order in which it is computed.

Each unit's inputs are those of the quantised net whose earlier units have been learnt already, so an error of one is
made good by those behind it; the float net runs beside it. Both are computed once in all, since tensors between units
are kept (`tensors`). After each unit the hard codes are judged on images that were held back: what is not better than
what was there goes, so a unit is never worse for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import fx

from detquant.algorithms.reconstruction.learning import Learner, Shown, errors, learn
from detquant.algorithms.reconstruction.learnt_units import LearntUnits, Outcome
from detquant.algorithms.reconstruction.numbers import limits_of, numbers_of, put, with_numbers, with_scales
from detquant.algorithms.reconstruction.settings import Settings, held_back
from detquant.algorithms.reconstruction.tensors import Kept, Shelf
from detquant.algorithms.reconstruction.twin import Function, Twin, Values, compute, twin_of
from detquant.algorithms.reconstruction.units import Unit, units_of
from detquant.algorithms.reconstruction.windows import windows_of
from detquant.calibration import Images, QuantModel
from detquant.numerics import Capability
from detquant.targets.pytorch.threads import on_threads

NEGLIGIBLE = 1e-12
"""Error of a unit, as a share of what it gives, that nothing is to be learnt from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstructed:
    """A model whose units have been learnt.

    Attributes:
        qm: the model.
        outcomes: what has become of each unit with layers.
        bytes: how much the tensors between units took on the disk at most.
    """

    qm: QuantModel
    outcomes: tuple[Outcome, ...]
    bytes: int


def reconstruct(
    qm: QuantModel,
    images: Images,
    settings: Settings,
    capability: Capability,
    known: LearntUnits,
    *,
    threads: int = 1,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Reconstructed:
    """Learns the rounding of all layers whose weights are in codes.

    Args:
        qm: the model; it is not changed.
        images: the images to learn from.
        settings: how it is done.
        capability: the target's facts, for the limits of weights.
        known: units that an earlier run has learnt; what is learnt here is added.
        threads: number of threads of torch.
        told: called with the number of iterations done, and in all.

    Raises:
        UnsupportedOperator: an operator has no counterpart in torch.
        CalibrationError: an activation is not finite.
        OutputError: the disk is full.
    """
    with repeatable(threads), Shelf() as shelf:
        walk = _Walk(replace(qm, model=qm.model.clone()), images, settings, capability, shelf)
        outcomes = walk.through(known, told)
        return Reconstructed(qm=walk.qm, outcomes=tuple(outcomes), bytes=shelf.most)


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Runs torch on this many threads, and by kernels that give the same numbers each time, within."""
    before = torch.are_deterministic_algorithms_enabled()
    with on_threads(threads):
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


class _Walk:
    """The way through one net."""

    def __init__(
        self, qm: QuantModel, images: Images, settings: Settings, capability: Capability, shelf: Shelf
    ) -> None:
        self.qm, self.settings, self.capability, self.shelf = qm, settings, capability, shelf
        self.twin: Twin = twin_of(qm, settings.step)
        self.units = units_of(self.twin, settings.layers)
        self.learns, self.judges = held_back(len(images))
        self.count = len(images)
        self.rounded, self.exact = dict[fx.Node, Kept](), dict[fx.Node, Kept]()
        for k, feed in enumerate(images):
            for name, node in self.twin.inputs.items():
                data = torch.from_numpy(np.array(feed[name]))
                if k == 0:
                    self.exact[node] = shelf.new()
                shelf.put(self.exact[node], data, name, k)
        self.rounded |= self.exact

    def through(self, known: LearntUnits, told: Callable[[int, int], None]) -> list[Outcome]:
        """Goes through all units; gives what has become of them."""
        outcomes = list[Outcome]()
        total, each = sum(bool(unit.layers) for unit in self.units), self.settings.iterations
        for k, unit in enumerate(self.units):
            wanted = self.keep(unit, self.exact, self.twin.exact)
            if unit.layers:
                done = len(outcomes) * each
                before = known.get(unit.layers)
                outcome = before or self.learnt(unit, wanted, k, partial(_further, told, done, total * each))
                put(self.twin, self.qm, outcome.numbers)
                self.qm = with_numbers(self.qm, outcome.numbers)
                outcomes.append(outcome)
                if before is None:
                    known.add(outcome)
                told(len(outcomes) * each, total * each)
            self.keep(unit, self.rounded, self.twin.rounded)
            for kept in (*self.rounded.values(), *self.exact.values()):
                kept.close()
            self.forget(self.units[k + 1 :])
        known.finish()
        return outcomes

    def keep(
        self, unit: Unit, tensors: dict[fx.Node, Kept], functions: Mapping[fx.Node, Function]
    ) -> dict[fx.Node, Kept]:
        """Computes a unit on all images and keeps what it gives."""
        codes = tensors is self.rounded
        made = {
            node: self.shelf.new(self.twin.grid(node) if codes and node in self.twin.grids else None)
            for node in unit.outputs
        }
        with torch.no_grad():
            for image in range(self.count):
                values: Values = {node: tensors[node].read([image]) for node in unit.inputs}
                compute(unit.nodes, values, functions)
                for node, kept in made.items():
                    self.shelf.put(kept, values[node], self.twin.names[node], image)
        tensors |= made
        return made

    def forget(self, ahead: Sequence[Unit]) -> None:
        """Takes away the tensors that no unit ahead reads."""
        needed = {node for unit in ahead for node in unit.inputs}
        for kept in {id(t): t for s in (self.rounded, self.exact) for n, t in s.items() if n not in needed}.values():
            self.shelf.drop(kept)
        self.rounded = {node: kept for node, kept in self.rounded.items() if node in needed}
        self.exact = {node: kept for node, kept in self.exact.items() if node in needed}

    def learnt(self, unit: Unit, wanted: Mapping[fx.Node, Kept], place: int, told: Callable[[int], None]) -> Outcome:
        """Learns the numbers of a unit, which are to be taken where they are better."""
        shown = Shown(rounded=self.rounded, exact=self.exact, wanted=self.ends(unit, wanted))
        start = numbers_of(self.qm, unit.layers)
        limits = limits_of(self.qm, unit.layers, self.capability)
        start = start.within(limits)
        put(self.twin, self.qm, start)
        before = errors(unit, shown, self.twin.rounded, self.judges)
        mean = sum(before.values()) / len(before)
        if mean <= NEGLIGIBLE:
            return Outcome(layers=unit.layers, before=mean, after=mean, numbers=start)
        random = torch.Generator().manual_seed(self.settings.seed * 100_003 + place)
        shapes = {node: self.exact[node].shape for node in unit.inputs}
        windows = windows_of(unit, list(shown.wanted), shapes, self.twin.exact, random)
        learner = Learner(self.twin, unit, self.qm, start, limits, self.settings)
        found = learn(learner, shown, self.learns, windows, self.shares(shown, mean), random, told)
        found = found.within(limits_of(with_scales(self.qm, found.scales), unit.layers, self.capability))
        put(self.twin, self.qm, found)
        after = errors(unit, shown, self.twin.rounded, self.judges)
        left = sum(after.values()) / len(after)
        if not left < mean:
            found = replace(start, scales={root: self.qm.params[root].scale for root in found.scales})
        return Outcome(layers=unit.layers, before=mean, after=left, numbers=found)

    def ends(self, unit: Unit, wanted: Mapping[fx.Node, Kept]) -> dict[fx.Node, Kept]:
        """The nodes whose results count: what the unit gives, before it is rounded unless the steps are learnt."""
        if self.settings.activation_steps:
            return dict(wanted)
        plain = {node: self.twin.source(node) for node in wanted}
        return {plain[node] if plain[node] in unit.nodes else node: kept for node, kept in wanted.items()}

    def shares(self, shown: Shown, error: float) -> dict[fx.Node, float]:
        """What a squared error of each result is multiplied by: all of them weigh alike, and start at 1 together."""
        found = {}
        for node, kept in shown.wanted.items():
            squares = [float(kept.read([image]).square().mean()) for image in self.judges]
            found[node] = 1.0 / (max(sum(squares) / len(squares), 1e-30) * error * len(shown.wanted))
        return found


def _further(told: Callable[[int, int], None], done: int, total: int, more: int) -> None:
    told(done + more, total)
