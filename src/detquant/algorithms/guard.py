"""The guard: finds the few sensitive tensors, whose rounding does most of the damage; the operators around stay float.

In some nets a single activation, with a range ten times that of its neighbours, costs half of the AP (YOLOX-nano's
first convolution). No range estimator helps: its small values matter as much as its large ones. So:

1. The damage of everything rounded together is measured (`Damage`). If it is small, nothing is looked for.
2. Otherwise the tensors are rounded in groups, each group alone; groups that cost much are split, down to single
   grids. One session does it (`with_switches`), on the image that is damaged most, several groups beside each other;
   single grids that are left are measured on all images. A tensor is sensitive when it alone costs much, or a good part
   of what all together cost: in NanoDet-m three of a hundred tensors cost 0.3 AP, though each does little in absolute
   terms. (Errors of many tensors add up as squares do, so who costs a fifth by itself stands out.)
3. The operators that write or read a sensitive tensor stay float, the model is planned again, and the loop ends when
   the damage is small, no tensor is sensitive, or little of the damage went. A tensor that does little of it shows only
   when those that do much are gone. Where the target computes in integers only, sensitive tensors are named and that is
   all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.damage import Damage, Run, with_flags
from detquant.algorithms.options import Count, NotNegative, Share
from detquant.algorithms.replan import keep_more_float, with_notes_of
from detquant.calibration import QuantModel
from detquant.errors import CalibrationError, RecipeError
from detquant.graph.running import OrtRunner
from detquant.graph.switches import with_switches
from detquant.graph.traits import activation_inputs, weight_of
from detquant.graph.values import constant
from detquant.recipes import Stage

GROUPS = 12
SPLIT = 2
FEW = 4
PREFIX = "detquant.round:"
NOBODY = "which no tensor does alone"
TOO_LARGE = "and the operators around those who do much of it hold too much of the weights to stay float"

Group = Sequence[str]
Screen = Callable[[Sequence[Group]], Sequence[float]]
Measure = Callable[[Group], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Keeps the operators around sensitive tensors in float.

    Attributes:
        tolerance: total damage below which nothing is looked for.
        tensor_tolerance: damage of one grid alone from which its operators stay float.
        tensor_share: share of the total damage from which one grid's operators stay float too.
        weight_share: share of the network's weights that may go to float for tensors that are sensitive by
            `tensor_share` alone: a twentieth of them in float makes a file 15 % larger, and a small damage is not
            worth more.
        most_weights: share of the network's weights that may go to float at all, but for the `FEW` most sensitive
            tensors of a round. Who asks for more is not among the few that do the harm: the network as a whole does not
            bear so few bits, and that is said.
        min_share: share of the total damage that one grid must do in any case: the most sensitive tensors go first.
        max_remaining: share of the damage that may remain after a round for another search: where more is left, the
            tensors that were found had masked no others.
        rounds: how many searches there are at most.
        images: how many images the damage is measured on; groups of grids are compared on one of them.
    """

    name: ClassVar[str] = "guard"
    stage: ClassVar[Stage] = Stage.CHOICES

    tolerance: NotNegative = 0.015
    tensor_tolerance: NotNegative = 0.015
    tensor_share: Share = 1 / 5
    weight_share: Share = 0.05
    most_weights: Share = 0.25
    min_share: Share = 0.1
    max_remaining: Share = 0.7
    rounds: Count = 4
    images: Count = 4

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model planned again with the operators around sensitive tensors in float; the same model where none is.

        Raises:
            CalibrationError: the damage cannot be measured, since the model's heads are not known.
        """
        if context.damage is None:
            raise CalibrationError(
                "The guard needs a detector whose heads are known: leave the step 'guard' out of the recipe."
            )
        damage = context.damage.limited(self.images)
        kept, costs = dict[str, str](), dict[str, float]()
        before = float("inf")
        for _ in range(self.rounds):
            roots = sorted({qm.plan.root(t) for t in qm.activations}, key=list(qm.plan.points).index)
            switches = _Switches(OrtRunner(_with_all_switches(qm)), roots, damage)
            total = switches.total
            if total < self.tolerance or total > self.max_remaining * before:
                break
            before = total
            sensitive = search(roots, switches.screen, switches.measure, self.threshold(total), context)
            found = self.affordable(qm, sensitive, kept)
            if not found:
                left = f"guard: damage {total:.3f} is left, {TOO_LARGE if sensitive else NOBODY}"
                return with_notes_of(costs, qm, self).noted(self, left, cost=total)
            reasons = {root: _reason(qm, root, cost, total) for root, cost in found.items()}
            if context.target.capability.integer_only:
                return self.named(qm, found, reasons, context)
            for root, reason in reasons.items():
                kept |= dict.fromkeys(around(qm, root), reason)
                costs[reason] = found[root]
            try:
                qm = keep_more_float(qm, kept, context)
            except RecipeError:  # nothing would be left in integers
                break
        return with_notes_of(costs, qm, self)

    def named(
        self, qm: QuantModel, found: Mapping[str, float], reasons: Mapping[str, str], context: Context
    ) -> QuantModel:
        """The model as it is, where the target has nothing but integers; who is guilty is said."""
        for root, cost in found.items():
            said = f"{reasons[root]}, and {context.target.name} has no float for it"
            qm = qm.noted(self, said, operators=around(qm, root), cost=cost)
        return qm

    def affordable(self, qm: QuantModel, found: Mapping[str, float], kept: Collection[str]) -> dict[str, float]:
        """The sensitive tensors whose operators may stay float, the most sensitive first where weights are too many.

        Args:
            qm: the model as it is planned now.
            found: damage of each sensitive tensor alone.
            kept: names of the operators that stay float already.
        """
        weights = {n.name or "": w.size for n in qm.reference.graph if (w := constant(weight_of(n))) is not None}
        total, float_now, chosen = sum(weights.values()), {*kept}, set[str]()
        for place, root in enumerate(sorted(found, key=found.__getitem__, reverse=True)):
            wanted = float_now.union(around(qm, root))
            is_harmful = found[root] >= self.tensor_tolerance
            share = (1.0 if place < FEW else self.most_weights) if is_harmful else self.weight_share
            if sum(weights.get(name, 0) for name in wanted) <= share * total:
                chosen.add(root)
                float_now = wanted
        return {root: cost for root, cost in found.items() if root in chosen}

    def threshold(self, total: float) -> float:
        """The damage from which a tensor alone is sensitive when all together cost ``total``."""
        return max(min(self.tensor_tolerance, self.tensor_share * total), self.min_share * total)


class _Switches:
    """A model whose grids are switched on and off.

    Args:
        runner: runs the model with a switch for each root.
        roots: names of all grids (`Plan.root`).
        damage: measures on the images that are looked at.
    """

    def __init__(self, runner: OrtRunner, roots: Sequence[str], damage: Damage) -> None:
        self._runner, self._roots, self._damage = runner, roots, damage
        each = damage.each(self._with(roots))
        self.total = float(np.mean(each))
        worst = int(np.argmax(each))
        self._one, self._scale = damage.only(worst), self.total / max(each[worst], 1e-9)

    def _with(self, group: Group) -> Run:
        chosen = set(group)
        flags = {PREFIX + root: np.array(root in chosen) for root in self._roots}
        return partial(with_flags, self._runner.run, flags)

    def measure(self, group: Group) -> float:
        """Damage of a group of grids alone, on all images."""
        return self._damage(self._with(group))

    def screen(self, groups: Sequence[Group]) -> list[float]:
        """Estimate of each group's damage alone, from the one image that all grids together damage most."""
        return [cost * self._scale for cost in self._one.of_each([self._with(group) for group in groups])]


def _reason(qm: QuantModel, root: str, cost: float, total: float) -> str:
    low, high = float(qm.params[root].low), float(qm.params[root].high)
    return f"guard: '{root}' [{low:.3g}, {high:.3g}] rounded alone costs {cost:.3f} of {total:.3f}"


def search(
    roots: Sequence[str], screen: Screen, measure: Measure, threshold: float, context: Context
) -> dict[str, float]:
    """The grids that alone do at least ``threshold`` of damage, with that damage (case 2).

    A group costs about what its worst member costs, so a group below the threshold holds no sensitive member.

    Args:
        roots: names of all grids.
        screen: estimates the damage of groups, each by itself.
        measure: measures the damage of a group.
        threshold: damage from which a grid is sensitive.
        context: is told how far the search is.
    """
    groups, found, done = _parts(roots, GROUPS), dict[str, float](), 0
    while groups:
        suspects = [g for g, cost in zip(groups, screen(groups), strict=True) if cost >= threshold]
        done += len(groups)
        costs = {group[0]: measure(group) for group in suspects if len(group) == 1}
        found |= {root: cost for root, cost in costs.items() if cost >= threshold}
        groups = [part for group in suspects if len(group) > 1 for part in _parts(group, SPLIT)]
        context.tick("looking for harmful tensors", done, done + len(groups))
    return found


def _parts(group: Group, count: int) -> list[Group]:
    size = -(-len(group) // count)
    return [group[k : k + size] for k in range(0, len(group), size)]


def around(qm: QuantModel, root: str) -> list[str]:
    """Names of the integer operators that write or read a tensor on the grid of ``root``."""
    integer, grids = set(qm.plan.integer), qm.activations
    tensors = {t for t in grids if qm.plan.root(t) == root}
    found = [n for n in qm.reference.graph if n.name in integer and _touches(n, tensors)]
    folded = [v.producer() for n in found for v in activation_inputs(n) if v.name not in grids]
    return [n.name or "" for n in (*found, *folded) if n is not None and n.name in integer]


def _touches(node: ir.Node, tensors: set[str]) -> bool:
    return any(v is not None and v.name in tensors for v in (*node.inputs, *node.outputs))


def _with_all_switches(qm: QuantModel) -> ir.Model:
    return with_switches(qm.reference, qm.activations, {t: PREFIX + qm.plan.root(t) for t in qm.activations})
