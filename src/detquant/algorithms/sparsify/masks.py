"""Masks from what is lost with each weight: the least goes.

1. "unstructured": a share of all weights. Which layers give more of them is found by one threshold for all ("network"),
   or each gives the same ("layer").
2. "2:4": of each four neighbours along the input channels the two that count more stay, output by output and place by
   place of the kernel, as the sparse kernels of NVIDIA's Ampere and later read them (Mishra et al. 2021, Accelerating
   Sparse Deep Neural Networks). Of layers whose input channels are no multiple of four nothing goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from detquant.numerics.arrays import Bools, Doubles

Spread = Literal["network", "layer"]

OF, STAY = 4, 2
MOST = 0.95
"""Share of a layer's weights that goes at most, by one threshold for all."""


def unstructured(losses: Mapping[str, Doubles], share: float, spread: Spread) -> dict[str, Bools]:
    """Which weights stay, by layer, when a share of all of them goes.

    Args:
        losses: what is lost with each weight, by layer.
        share: of the weights of these layers.
        spread: see above.
    """
    if spread == "layer":
        return {name: _without_least(loss, share) for name, loss in losses.items()}
    flat = np.sort(np.concatenate([_least(loss, MOST) for loss in losses.values()]), kind="stable")
    count = round(share * sum(loss.size for loss in losses.values()))
    if not count:
        return {name: np.ones(loss.shape, bool) for name, loss in losses.items()}
    limit = flat[min(count, flat.size) - 1]
    return {name: _without_least(loss, min(float((loss <= limit).mean()), MOST)) for name, loss in losses.items()}


def _least(loss: Doubles, share: float) -> Doubles:
    """The smallest of a layer's numbers, so many of them."""
    return np.sort(loss, axis=None, kind="stable")[: round(share * loss.size)]


def _without_least(loss: Doubles, share: float) -> Bools:
    stays = np.ones(loss.size, bool)
    stays[np.argsort(loss, axis=None, kind="stable")[: round(share * loss.size)]] = False
    return stays.reshape(loss.shape)


def two_of_four(loss: Doubles, axis: int) -> Bools | None:
    """Which weights of a layer stay; None where its input channels are no multiple of four.

    Args:
        loss: what is lost with each weight, in the weight's own shape.
        axis: of the input channels.
    """
    moved = np.moveaxis(loss, axis, -1)
    if moved.shape[-1] % OF:
        return None
    fours = moved.reshape(-1, OF)
    places = np.argsort(-fours, axis=1, kind="stable")[:, :STAY]
    stays = np.zeros(fours.shape, bool)
    np.put_along_axis(stays, places, values=True, axis=1)
    return np.moveaxis(stays.reshape(moved.shape), -1, axis)
