"""Grids of activations while a unit is trained: dropped at random, and of a step that can be learnt.

Wei et al. 2022, QDrop: Randomly Dropping Quantization for Extremely Low-bit Post-Training Quantization, equation 9:
each number is rounded or left as it is with a given probability, which makes what is learnt flat around rounded
activations. Esser et al. 2020, Learned Step Size Quantization, equations 1 to 3: the step gets the gradient of
``round(clip(x / s)) s`` with rounding passed straight through.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
import numpy as np
import torch
from torch import nn

from detquant.algorithms.reconstruction.learnt_powers import snapped
from detquant.fake_quant.modules import FakeQuantize
from detquant.numerics.arrays import Floats

PACE = 0.1
"""How fast a step moves, as a share of itself, beside the variables of weights."""


class StepVariable(nn.Module):
    """The step of a grid, as a share of what it was.

    Args:
        grid: the grid as it is.
        power_of_two: whether the step is a power of two.
    """

    def __init__(self, grid: FakeQuantize, *, power_of_two: bool = False) -> None:
        super().__init__()
        self.grid, self.power_of_two = grid, power_of_two
        self.before = grid.scale.clone()
        self.variable = nn.Parameter(torch.zeros(()))

    def step(self) -> torch.Tensor:
        """The step as it is now; never zero or below."""
        step = self.before * torch.exp(PACE * self.variable)
        return snapped(step) if self.power_of_two else step

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The nearest values of the grid."""
        step, grid = self.step(), self.grid
        codes = torch.clamp(data / step + grid.zero_point, grid.quant_min, grid.quant_max)
        codes = codes + (torch.round(codes) - codes).detach()
        return (codes - grid.zero_point) * step

    def found(self) -> Floats:
        """The step that has been learnt."""
        return np.asarray(self.step().detach().numpy(), np.float32)


def mixed(rounded: torch.Tensor, plain: torch.Tensor, drop: float, random: torch.Generator) -> torch.Tensor:
    """Numbers of the one and the other: plain ones with the probability ``drop``."""
    if drop <= 0:
        return rounded
    return torch.where(torch.rand(rounded.shape, generator=random, device=rounded.device) < drop, plain, rounded)
