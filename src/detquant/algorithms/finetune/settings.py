"""How a network is trained, and what that depends on unless an option says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of the step; see `Finetune`.

    Attributes:
        batch: images of a step.
        lr: how far weights move each time, in steps of a grid of 4 bits.
        step_lr: how far steps move each time, as a share of themselves.
        warmup: share of the budget in which rates rise.
        clip: largest norm of a gradient.
        ema: how much of the mean over earlier states stays with each step.
        drop: probability that a number of an activation is not rounded.
        swings: how often a weight may swing between two codes, as a share of the steps; 0 for as often as it does.
        heads: weight of the heads' loss beside that of the features.
        labels: whether it learns from labels, too.
        precision: what layers are multiplied in while it is learnt.
        seed: of what is drawn.
    """

    batch: int
    lr: float
    step_lr: float
    warmup: float
    clip: float
    ema: float
    drop: float
    swings: float
    heads: float
    labels: bool
    precision: Precision
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What options are that are not given, by what there is to make good.

    Attributes:
        steps: how long it is trained.
        lr: see `Settings`.
        drop: see there.
        heads: weight of a detector's heads beside the features.
    """

    steps: int
    lr: float
    drop: float
    heads: float

    def options(self, *, classifies: bool) -> Mapping[str, Any]:
        """The options of `Settings` that it decides.

        Args:
            classifies: whether the model is a classifier.
        """
        return {"lr": self.lr, "drop": self.drop, "heads": ONE_ROW if classifies else self.heads}


ROUNDING = Aim(steps=300, lr=0.015, drop=0.2, heads=1.0)
"""Weights stand near where they should: they move by parts of a code, and blocks can give what they gave."""
CHANNELS = Aim(steps=1000, lr=0.03, drop=0.0, heads=20.0)
"""Channels are missing, and that is more than rounding costs: weights have a long way to go, blocks can no longer give
all that they gave, and what counts is what the heads make of it."""
ONE_ROW = 0.1
"""Weight of a classifier's head: its one row says little of an image, and where that is much of the loss, the network
learns the few images that there are by heart."""
