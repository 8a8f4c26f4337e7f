"""Weights that swing between two codes are held at the one where they were more often.

Nagel et al. 2022, Overcoming Oscillations in Quantization-Aware Training, section 4.2 and algorithm 1. With ``q_t`` the
code of a weight after step t, it swings at t where it changes against the way of its last change; then

    f_t = m [it swings] + (1 - m) f_(t-1)        p_t = m q_t + (1 - m) p_(t-1)

and where ``f`` passes a threshold the weight is held at the code nearest to ``p``, for the rest of the training. The
threshold falls, as there: when a share of the training is done, it is the share-th power of what it is in the end, so
nothing is held while rates are high and weights are still on their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from detquant.algorithms.finetune.learnt_grids import WeightVariable
from detquant.numerics.arrays import Array

MOMENTUM = 0.02
KEPT = ("code", "mean", "way", "often", "held")
NOT_HELD = float("nan")


class Oscillations:
    """The swings of weights.

    Args:
        weights: the weights.
        threshold: how often a weight may swing in the end, as a share of the steps; 0 holds none.
    """

    def __init__(self, weights: Sequence[WeightVariable], threshold: float) -> None:
        self._weights, self._threshold = list(weights) if threshold else [], threshold
        self.forget()

    def forget(self) -> None:
        """Begins anew with the codes as they are, and holds none."""
        self._kept = list[dict[str, torch.Tensor]]()
        for one in self._weights:
            code, none = one.codes(), torch.zeros_like(one.weight)
            held = torch.full_like(code, NOT_HELD)
            self._kept.append({"code": code, "mean": code, "way": none, "often": none.clone(), "held": held})

    def hold(self, share: float) -> None:
        """Looks at the codes after a step, and holds what swings too often.

        Args:
            share: share of the training that is done, 0 to 1.
        """
        threshold = self._threshold**share
        with torch.no_grad():
            for one, kept in zip(self._weights, self._kept, strict=True):
                code = one.codes()
                change = torch.sign(code - kept["code"])
                swings = (change * kept["way"] < 0).to(torch.float32)
                kept["often"] = torch.lerp(kept["often"], swings, MOMENTUM)
                kept["mean"] = torch.lerp(kept["mean"], code, MOMENTUM)
                kept["way"] = torch.where(change != 0, change, kept["way"])
                kept["code"] = code
                free = torch.isnan(kept["held"])
                kept["held"] = torch.where(free & (kept["often"] > threshold), kept["mean"].round(), kept["held"])
                one.stand(kept["held"])

    @property
    def count(self) -> int:
        """How many weights are held."""
        return sum(int((~torch.isnan(kept["held"])).sum()) for kept in self._kept)

    def arrays(self) -> dict[str, Array]:
        """All of it, by name."""
        return {f"{name}@{k}": kept[name].cpu().numpy() for k, kept in enumerate(self._kept) for name in KEPT}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Goes on from such arrays."""
        for k, kept in enumerate(self._kept):
            for name in KEPT:
                kept[name] = torch.from_numpy(np.array(arrays[f"{name}@{k}"], np.float32)).to(kept[name])
