"""AdaRound: each weight is rounded up or down as the layer's output wants it, not to the nearer side.

Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, equation 25, layer by layer:

    min over V  |f(W x) - f(W~ x^)|^2 + lambda sum (1 - |2 h(V) - 1|^beta),     W~ = s clip(floor(W / s) + h(V))

with x the layer's input in the float net, x^ that of the quantised net so far, and f the activation behind the layer.
It starts from the codes that stand: the nearest ones, or what a step before it in the recipe has left, see
`reconstruction.rounding_variables`. Biases move with them. torch computes it, on the net that
`detquant.fake_quant` makes.
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
class AdaRound:
    """Learns the rounding of each layer's weight.

    Attributes:
        images: how many calibration images are looked at, at most; every fourth is held back to judge by.
        iterations: how often a layer's variables are moved, at most.
        batch: places of a layer's output that are looked at each time.
        lr: how far variables are moved each time.
        regularisation: weight of what draws variables to whole codes.
        warmup: share of the iterations in which nothing does.
        biases: whether biases are learnt too.
        seed: of what is drawn.
    """

    name: ClassVar[str] = "adaround"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    turn: ClassVar[Turn] = Turn.LEARNT
    never_after: ClassVar[Mapping[str, str]] = NEVER_AFTER

    images: Count = 64
    iterations: Count = 300
    batch: Count = 2048
    lr: Positive = 0.05
    regularisation: NotNegative = 60.0
    warmup: Share = 0.2
    biases: bool = True
    seed: Whole = 0

    def __post_init__(self) -> None:
        require_torch()

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """The model with other codes; layers that do not gain by it are left as they are.

        Raises:
            CalibrationError: there are too few images, or an activation is not finite.
            UnsupportedOperator: an operator has no counterpart in torch.
        """
        settings = Settings(step=self.name, layers=0, drop=0.0, activation_steps=False, **asdict(self))
        return told_of(self, qm, context, settings)
