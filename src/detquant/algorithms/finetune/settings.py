"""How a network is trained, and what that depends on unless an option says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        heads: weight of the heads' loss beside that of the features; None for what `weight_of_heads` says.
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
    heads: float | None
    labels: bool
    precision: Precision
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What options are that are not given, by what there is to make good.

    Attributes:
        steps: how long it is trained.
        drop: see `Settings`.
    """

    steps: int
    drop: float


ROUNDING = Aim(steps=300, drop=0.2)
"""Weights stand near where they should: they move by parts of a code, and blocks can give what they gave."""
CHANNELS = Aim(steps=1000, drop=0.0)
"""Channels are missing, and that is more than rounding costs: weights have a long way to go."""
MAPS, ONE_ROW = 1.0, 0.1


def weight_of_heads(*, classifies: bool) -> float:
    """The weight of the heads beside the features, where none is given.

    A detector's heads say thousands of numbers of each image, and it is they that count. The one row of a classifier
    says little: much of it in the loss, and the network learns the few images that there are by heart.

    Args:
        classifies: whether the model is a classifier.
    """
    return ONE_ROW if classifies else MAPS
