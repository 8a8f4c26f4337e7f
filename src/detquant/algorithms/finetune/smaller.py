"""A network that has lost channels beside the float network that has them all: only what both have is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import fx

from detquant.algorithms.reconstruction.twin import Twin
from detquant.calibration import Original
from detquant.numerics.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the smaller network has of a value of the larger one.

    Attributes:
        axis: the axis of the channels.
        places: those that are left, ``[channels]``; None for all.
        factor: what they are multiplied by, of a shape that broadcasts; None for nothing.
    """

    axis: int
    places: torch.Tensor | None
    factor: torch.Tensor | None

    def of(self, data: torch.Tensor) -> torch.Tensor:
        """What is left of a value."""
        left = data if self.places is None else data.index_select(self.axis, self.places)
        return left if self.factor is None else left * self.factor


def shown_of(twin: Twin, original: Original | None, device: str) -> dict[fx.Node, Shown]:
    """What is to be seen of each node's value in the larger network, where that is not all of it.

    Args:
        twin: both nets.
        original: the larger network, and what is left of it; None where none is larger.
        device: where they are computed.
    """
    if original is None:
        return {}
    several = {node.all_input_nodes[0] for node in twin.nodes if node.op == "call_function"}
    found = dict[fx.Node, Shown]()
    for node in twin.nodes:
        name = twin.names[node]
        if node not in several and (name in original.left or name in original.divided):
            found[node] = _shown(original, name, device)
    return found


def _shown(original: Original, name: str, device: str) -> Shown:
    left, divided = original.left.get(name), original.divided.get(name)
    axis = left.axis if left else 1  # what is divided lies between convolutions
    places = torch.from_numpy(left.places.copy()).to(device) if left else None
    return Shown(axis, places, None if divided is None else _along(divided, axis).to(device))


def _along(divided: Floats, axis: int) -> torch.Tensor:
    factor = torch.from_numpy(1.0 / divided)
    return factor.reshape([1] * axis + [-1] + [1] * (3 - axis))


def seen(shown: Mapping[fx.Node, Shown], node: fx.Node, data: torch.Tensor) -> torch.Tensor:
    """What the smaller network has of a node's value."""
    return shown[node].of(data) if node in shown else data
