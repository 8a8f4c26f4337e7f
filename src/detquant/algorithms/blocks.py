"""Block reconstruction: the layers of a block are rounded together, so that what the block gives stays what it was.

Li et al. 2021, BRECQ: Pushing the Limit of Post-Training Quantization by Block Reconstruction, with the rounding of
`adaround`. Activations are rounded meanwhile, and each number of them left as it is with a probability (Wei et al.
2022, QDrop), so that what is learnt does not lean on the rounding of these very images. With `activation_steps` their
steps are learnt too (Esser et al. 2020, LSQ). What a block is: see `reconstruction.units`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from detquant.algorithms._base import Context
from detquant.algorithms.options import Count, NotNegative, Positive, Share, Whole
from detquant.algorithms.reconstruction.settings import NEVER_AFTER, Settings, require_torch
from detquant.algorithms.reconstruction.telling import told_of
from detquant.algorithms.turn import Turn
from detquant.calibration import QuantModel
from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Learns the rounding of each block's weights.

    Attributes:
        images: how many calibration images are looked at, at most; every fourth is held back to judge by.
        iterations: how often a block's variables are moved, at most.
        batch: places of a block's output that are looked at each time.
        lr: how far variables are moved each time.
        regularisation: weight of what draws variables to whole codes.
        warmup: share of the iterations in which nothing does.
        layers: how many layers a block has at most between where its ways part and where they meet.
        drop: probability that a number of an activation is not rounded.
        biases: whether biases are learnt too.
        activation_steps: whether the steps of activations within a block are learnt too.
        seed: of what is drawn.
    """

    name: ClassVar[str] = "blocks"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.LEARNT
    never_after: ClassVar[Mapping[str, str]] = NEVER_AFTER

    images: Count = 64
    iterations: Count = 400
    batch: Count = 2048
    lr: Positive = 0.05
    regularisation: NotNegative = 60.0
    warmup: Share = 0.2
    layers: Count = 10
    drop: Share = 0.5
    biases: bool = True
    activation_steps: bool = False
    seed: Whole = 0

    def __post_init__(self) -> None:
        require_torch()

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with other codes; blocks that do not gain by it are left as they are.

        Raises:
            CalibrationError: there are too few images, or an activation is not finite.
            UnsupportedOperator: an operator has no counterpart in torch.
        """
        settings = Settings(step=self.name, **asdict(self))
        return told_of(self, qm, context, settings)
