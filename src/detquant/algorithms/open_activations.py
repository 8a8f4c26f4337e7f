"""What activations on given grids cost the heads, one session for all grids; weights stay float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from detquant.algorithms.damage import Damage, Run, with_flags
from detquant.calibration import QuantModel
from detquant.graph.open_grids import grid_feeds, with_open_grids
from detquant.graph.running import OrtRunner
from detquant.numerics import QuantParams

Params = Mapping[str, QuantParams]
LEAST = 1e-9


class OpenActivations:
    """The float model with grids of activations that are given as it runs.

    Args:
        qm: says which tensors have grids, and of which types.
        threads: threads of the runtime.
    """

    def __init__(self, qm: QuantModel, threads: int = 1) -> None:
        key_of = {tensor: qm.plan.root(tensor) for tensor in qm.activations}
        self.roots = tuple(dict.fromkeys(key_of.values()))
        types = {root: qm.params[root].qtype for root in self.roots}
        self._runner = OrtRunner(with_open_grids(qm.reference, key_of, types), threads)

    def cost(self, params: Params, damage: Damage) -> float:
        """Damage where all activations are rounded.

        Args:
            params: grid of each root.
            damage: measures.
        """
        return damage(self._run(params, self.roots))

    def loss(self, root: str, params: Params, damage: Damage) -> Callable[[QuantParams, float], float]:
        """That damage by the grid of one root, the others as they are; told of a limit, it stops where it is passed."""
        return lambda grid, limit: damage.up_to(limit, self._run({**params, root: grid}, self.roots))

    def shares_alone(self, roots: Sequence[str], params: Params, damage: Damage) -> dict[str, float]:
        """The share of the damage that each grid does by itself, on the image that all together damage most."""
        each = damage.each(self._run(params, self.roots))
        worst = damage.only(int(np.argmax(each)))
        total = max(each[int(np.argmax(each))], LEAST)
        return {root: worst(self._run(params, (root,))) / total for root in roots}

    def _run(self, params: Params, on: Sequence[str]) -> Run:
        chosen = set(on)
        off = {root: params[root] for root in self.roots if root not in chosen}
        flags = grid_feeds(off, on=False) | grid_feeds({root: params[root] for root in on})
        return partial(with_flags, self._runner.run, flags)
