"""Ranges of activations, each found for itself: by what the next layers lose, of the worst few by what the heads do.

An observer judges a range by the values of the tensor. With fewer than 8 bits that is not enough: of 16 codes one or
two are all that a SiLU's negative values can get, and only the layer that reads them tells what they are worth. So:

1. For each grid that calibration has found, others are tried (`detquant.algorithms.range_search`), low and high end
   apart where the grid is asymmetric, and the one with the least loss of the next layers is taken
   (`detquant.algorithms.next_layer_loss`). It goes from the last tensor to the first, for what is rounded on the way to
   the next layer is rounded as it will be.
2. These grids, the recipe's own and those of other observers each fill the plan, and the heads choose (`Damage`, with
   false alarms). So the grids taken do never more damage than the recipe's own on the images that are looked at, and
   where those are the best a note says so.
3. The few tensors that rounded alone do much of the damage to the heads are searched again, by the damage of all
   activations together: in YOLOX-nano the first layers have a few enormous values, and only the heads can tell how many
   of them may be clipped.

Weights are put on grids anew where the step of what they are multiplied with has changed: their biases' room and the
pairs that may overflow depend on it. Grids that are `Fixed` stay, and so do those of scores (`SCORES`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from detquant.algorithms._base import Context
from detquant.algorithms.damage import Damage
from detquant.algorithms.next_layer_loss import NextLayerLoss, NextLayers, with_values
from detquant.algorithms.open_activations import OpenActivations, Params
from detquant.algorithms.options import Count, Share, Within
from detquant.algorithms.range_search import Search
from detquant.algorithms.replan import planned
from detquant.calibration import QuantModel, activation_grids, observer, with_weight_grids
from detquant.numerics import QuantParams
from detquant.recipes import Stage
from detquant.recipes.plan import SCORES

IN_MEMORY = 256 << 20
"""Bytes of float values that are held at a time; what a single tensor's next layers need may be more."""
FEW = 4
"""Images of a search by the heads; what it finds is held to all of them."""
WORST = 0.1
"""Share of the damage that a tensor must do by itself for the heads to decide its range."""
ROUNDS = 2
"""Times that each of these is searched: a SiLU's input and output are often among them, and depend on each other."""
OWN, NEXT = "the recipe's own", "the next layers'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping:
    """Finds the range of each activation by what the next layers, or the heads, lose.

    Attributes:
        bits: width of codes up to which ranges are looked for.
        images: number of the most informative images that are looked at.
        without_mean: whether the mean error of a channel counts for nothing, since a later step takes it out of the
            biases.
        observers: names of other observers whose ranges the heads may choose.
        refined: number of tensors at most whose ranges the heads decide: those that do most damage by themselves.
        gain: share of the damage that a range must spare the heads to be taken there.
    """

    name: ClassVar[str] = "clipping"
    stage: ClassVar[Stage] = Stage.GRIDS

    bits: Annotated[int, Within(2, 16)] = 8
    images: Count = 8
    without_mean: bool = False
    observers: tuple[str, ...] = ("mse",)
    refined: Annotated[int, Within(0)] = 4
    gain: Share = 0.01

    def __post_init__(self) -> None:
        for name in self.observers:
            observer(name)

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with the ranges found; with its own where no others do less damage."""
        roots = [root for root in qm.plan.owned if self._may_change(qm, root)]
        if not roots:
            return qm
        settings = {OWN: dict(qm.params), **self._observed(qm, roots, context)}
        settings[NEXT] = self._by_next_layers(qm, roots, context)
        if context.damage is None:
            said = f"clipping: ranges of {len(roots)} grids by the next layers; no heads are known to compare them by"
            return _with_params(qm, settings[NEXT], context).noted(self, said)
        damage = context.damage.with_alarms()
        opened = OpenActivations(qm, context.threads)
        costs = {name: opened.cost(params, damage) for name, params in settings.items()}
        best = min(costs, key=costs.__getitem__)
        params, moved, cost = self._refined(opened, qm, settings[best], damage, context, roots)
        told = ", ".join(f"{name} {one:.3f}" for name, one in costs.items())
        said = f"clipping: ranges of {len(roots)} grids, {best} taken, by damage: {told}"
        if moved:
            said += f"; {cost:.3f} with {len(moved)} that the heads decided: {', '.join(moved)}"
        if params == qm.params:
            return qm.noted(self, said, cost=cost)
        return _with_params(qm, params, context).noted(self, said, cost=cost)

    def _may_change(self, qm: QuantModel, root: str) -> bool:
        return qm.plan.owned[root].qtype.bits <= self.bits and qm.plan.preactivations.get(root) != SCORES

    def _observed(self, qm: QuantModel, roots: list[str], context: Context) -> dict[str, dict[str, QuantParams]]:
        """The ranges of the other observers, as far as calibration has what they need."""
        found = {}
        for name in self.observers:
            if not observer(name).needs_histogram or qm.statistics.histograms:
                params = activation_grids(qm.reference, planned(qm, context, name), qm.statistics)
                found[name] = {**qm.params, **{root: params[root] for root in roots}}
        return found

    def _by_next_layers(self, qm: QuantModel, roots: list[str], context: Context) -> dict[str, QuantParams]:
        """The ranges with the least loss of the next layers (case 1)."""
        params, images = dict(qm.params), context.images.informative[: self.images]
        layers = [NextLayers(qm, root) for root in reversed(roots)]
        parts = with_values(qm.reference, layers, images, IN_MEMORY, context.threads)
        for done, (one, values) in enumerate(parts, 1):
            loss = NextLayerLoss(one, values, params, without_mean=self.without_mean, threads=context.threads)
            params[one.root] = Search(loss, qm.plan.owned[one.root]).run(params[one.root])
            context.tick("ranges by the next layers", done, len(layers))
        return params

    def _refined(
        self,
        opened: OpenActivations,
        qm: QuantModel,
        params: Params,
        damage: Damage,
        context: Context,
        roots: list[str],
    ) -> tuple[Params, list[str], float]:
        """The ranges with those of the worst tensors as the heads want them, who they are, and the damage (case 3)."""
        few, cost = damage.limited(FEW), opened.cost(params, damage)
        shares = opened.shares_alone(roots, params, few) if self.refined else {}
        worst = [root for root in sorted(shares, key=lambda r: -shares[r])[: self.refined] if shares[root] >= WORST]
        moved, idle, least = dict[str, None](), 0, opened.cost(params, few) if worst else 0.0
        for done, root in enumerate(worst * ROUNDS, 1):
            search = Search(opened.loss(root, params, few), qm.plan.owned[root])
            tried = {**params, root: search.run(params[root])}
            idle += 1
            if search.least < (1 - self.gain) * least and (now := opened.cost(tried, damage)) < cost:
                params, least, cost, idle = tried, search.least, now, 0
                moved[root] = None
            context.tick("ranges by the heads", done, ROUNDS * len(worst))
            if idle == len(worst):
                break
        return params, list(moved), cost


def _with_params(qm: QuantModel, params: Params, context: Context) -> QuantModel:
    """The model on these grids, with weights that keep the target's limits on them."""
    return with_weight_grids(replace(qm, params=params), context.target.capability, qm)
