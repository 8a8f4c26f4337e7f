"""Grids whose steps and offsets are learnt together with what is rounded on them.

Esser et al. 2020, Learned Step Size Quantization, equations 1 to 5, of numbers ``x`` on a grid of step ``s`` and zero
point ``z``, with rounding passed straight through:

    y     = (clip(round(x / s) + z, qmin, qmax) - z) s
    dy/ds = round(x / s) - x / s  within the limits,  q - z  where it is clipped to q,  times  1 / sqrt(n qmax)

with n the numbers that share the step. Bhalgat et al. 2020, LSQ+, learn the offset too: ``dy/dz = -s`` where it is
clipped, 0 elsewhere. Here the offset stays a whole code, so that zero stays on the grid, as every runtime wants it.

A step is learnt as ``s exp(v)`` from what it was: it never passes zero, and moves by shares of itself. One that is a
power of two is used as the nearest one (`learnt_powers`). Weights
are learnt in units of their step, or of a sixteenth of their range where they have more codes than 4 bits give.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from detquant.algorithms.finetune.straight_through import on_grid
from detquant.algorithms.reconstruction.learnt_powers import snapped
from detquant.algorithms.reconstruction.tensors import aligned
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Bools, Floats

SIXTEENTHS = 16
"""Parts of a grid's range that numbers move in, where a grid has more codes."""


def rounded(data: torch.Tensor, step: torch.Tensor, zero: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Numbers on a grid; gradients go to the numbers, the step and the zero point.

    Args:
        data: the numbers.
        step: of a shape that broadcasts against them.
        zero: likewise, whole codes.
        low: the smallest code.
        high: the largest one.
    """
    codes = torch.clamp(data / step + zero, low, high)
    codes = codes + (torch.round(codes) - codes).detach()
    return (codes - zero) * step


def slowed(step: torch.Tensor, share: float) -> torch.Tensor:
    """The same numbers, whose gradients are this share of themselves."""
    return step * share + (step - step * share).detach()


class WeightVariable(nn.Module):
    """A weight and its steps.

    Args:
        weight: real numbers on the grid, in the weight's own shape.
        grid: the grid.
        power_of_two: whether its steps are powers of two.
        mask: False where a number is 0 and stays so; None where there is no such.
    """

    weight: torch.Tensor
    unit: torch.Tensor
    before: torch.Tensor
    zero: torch.Tensor
    mask: torch.Tensor | None

    def __init__(
        self, weight: Floats, grid: QuantParams, mask: Bools | None = None, *, power_of_two: bool = False
    ) -> None:
        super().__init__()
        self.grid, self.power_of_two = grid, power_of_two
        scale, zero = grid.spread(weight.ndim)
        self.low, self.high = grid.qtype.qmin, grid.qtype.qmax
        for name, array in (("weight", weight), ("before", scale), ("zero", zero)):
            self.register_buffer(name, aligned(array))
        self.register_buffer("mask", None if mask is None else aligned(mask))
        self.register_buffer("unit", self.before * max(1.0, (self.high - self.low + 1) / SIXTEENTHS))
        self.moved, self.stretched = nn.Parameter(torch.zeros(weight.shape)), nn.Parameter(torch.zeros(scale.shape))
        self.slow = 1.0 / float(np.sqrt(max(weight.size / max(scale.size, 1), 1) * max(self.high, 1)))

    def forward(self) -> torch.Tensor:
        """The rounded weight."""
        return rounded(self.real(), slowed(self.step(), self.slow), self.zero, self.low, self.high)

    def real(self) -> torch.Tensor:
        """The weight before it is rounded."""
        moved = self.unit * self.moved
        return self.weight + (moved if self.mask is None else moved * self.mask)

    def codes(self) -> torch.Tensor:
        """The codes as they are now."""
        with torch.no_grad():
            return torch.clamp(torch.round(self.real() / self.step() + self.zero), self.low, self.high)

    def stand(self, codes: torch.Tensor) -> None:
        """Puts the weight onto codes, where these are numbers."""
        with torch.no_grad():
            there = ((codes - self.zero) * self.step() - self.weight) / self.unit
            self.moved.copy_(torch.where(torch.isnan(codes), self.moved, there))

    def step(self) -> torch.Tensor:
        """The steps as they are now."""
        step = self.before * torch.exp(self.stretched)
        return snapped(step) if self.power_of_two else step

    def found(self) -> tuple[Floats, QuantParams]:
        """What was learnt: the weight before it is rounded, and its grid."""
        with torch.no_grad():
            real, step = self.real().cpu().numpy(), self.step().cpu().numpy()
        scale = np.asarray(step, np.float32).reshape(self.grid.scale.shape)
        return np.asarray(real, np.float32), replace(self.grid, scale=scale)


class GridVariable(nn.Module):
    """The grid of an activation.

    Args:
        grid: the grid as it is, of the whole tensor.
        offset: whether its zero point is learnt.
        power_of_two: whether its step is a power of two.
    """

    before: torch.Tensor
    zero: torch.Tensor

    def __init__(self, grid: QuantParams, *, offset: bool, power_of_two: bool = False) -> None:
        super().__init__()
        self.power_of_two = power_of_two
        self.grid, self.low, self.high = grid, grid.qtype.qmin, grid.qtype.qmax
        self.register_buffer("before", aligned(grid.scale))
        self.register_buffer("zero", aligned(grid.zero_point))
        self.unit = max(1.0, (self.high - self.low + 1) / SIXTEENTHS)
        self.stretched = nn.Parameter(torch.zeros(()))
        self.shifted = nn.Parameter(torch.zeros(())) if offset else None

    def forward(self, data: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """The nearest values of the grid.

        Args:
            data: the numbers.
            kept: 1 where a number is rounded, 0 where it is left as it is; None for 1.
        """
        slow = 1.0 / float(np.sqrt(max(data.numel() / max(len(data), 1), 1) * max(self.high, 1)))
        return on_grid(data, slowed(self.step(), slow), slowed(self.zero_point(), slow), self.low, self.high, kept)

    def step(self) -> torch.Tensor:
        """The step as it is now."""
        step = self.before * torch.exp(self.stretched)
        return snapped(step) if self.power_of_two else step

    def zero_point(self) -> torch.Tensor:
        """The code of zero as it is now, whole and on the grid."""
        if self.shifted is None:
            return self.zero
        place = torch.clamp(self.zero + self.unit * self.shifted, self.low, self.high)
        return place + (torch.round(place) - place).detach()

    def found(self) -> QuantParams:
        """The grid that was learnt."""
        with torch.no_grad():
            scale, zero = self.step().cpu().numpy(), self.zero_point().cpu().numpy()
        return replace(self.grid, scale=np.asarray(scale, np.float32), zero_point=np.asarray(zero, np.int64))
