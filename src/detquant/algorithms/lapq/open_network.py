"""The network on whatever steps, of weights and activations, and what it then loses."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from detquant.algorithms.damage import Run, with_flags
from detquant.algorithms.lapq.steps import Rounding, Steps
from detquant.calibration import QuantModel
from detquant.graph.open_grids import grid_feeds, with_open_grids
from detquant.graph.open_weights import weight_feeds, with_open_weights
from detquant.graph.running import OrtRunner
from detquant.numerics import Capability


class Loss(Protocol):
    """The loss of a model on images, such as `Damage` and `CrossEntropy`."""

    def __call__(self, run: Run) -> float:
        """The mean over the images."""
        ...


class OpenNetwork:
    """The float network with open grids and open weights.

    Args:
        qm: says which tensors have grids, and of which types.
        capability: the target's facts.
        threads: threads of the runtime.
    """

    def __init__(self, qm: QuantModel, capability: Capability, threads: int = 1) -> None:
        key_of = {tensor: qm.plan.root(tensor) for tensor in qm.activations}
        self._roots = tuple(dict.fromkeys(key_of.values()))
        types = {root: qm.params[root].qtype for root in self._roots}
        self.rounding = Rounding(qm, capability)
        opened = with_open_weights(with_open_grids(qm.reference, key_of, types), set(qm.plan.weights))
        self._runner = OrtRunner(opened, threads)

    def cost(self, steps: Steps, loss: Loss) -> float:
        """The loss of the network on these steps."""
        weights = {layer: grid.values for layer, grid in self.rounding.weights(steps).items()}
        given = grid_feeds({root: steps.params[root] for root in self._roots}) | weight_feeds(weights)
        return loss(partial(with_flags, self._runner.run, given))
