"""How a network is trained."""

from __future__ import annotations

from dataclasses import dataclass


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
    seed: int
