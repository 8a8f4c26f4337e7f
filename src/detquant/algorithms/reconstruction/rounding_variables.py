"""Codes of a weight that gradients can move: a soft step for each, which is a whole one in the end.

Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, equations 22 to 24:

    w  = s clip(low + n h(V), qmin, qmax),      h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1)
    f  = mean(1 - |2 r - 1|^beta),              r the fraction of n h(V)

with zeta 1.1 and gamma -0.1. beta falls from 8 to 2: at first only what is near a whole step is drawn to it. From 20,
as in the paper, it takes more iterations: of layers with 288 inputs drawn at random, 300 iterations left 0.30 of the
error of rounding to the nearest from 20, and 0.17 from 8.

1. A weight that stands on the codes nearest to its float values is at ``low = floor(w / s)``, ``n = 1``, and starts
   from the float values: up or down, as in the paper.
2. One that an earlier step has moved (least squares, compensated rounding) stands elsewhere for a reason, which is in
   all its codes together. It starts from the codes, and each may go one step either way: ``low = code - 1``, ``n = 2``.
   So do single codes of case 1 that are clipped, or drawn in by a limit.
3. A code that a mask says is 0 has no step to go: it is 0 while others are learnt, and they learn to do without it.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
import numpy as np
import torch
from torch import nn

from detquant.algorithms.reconstruction.tensors import aligned
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Bools, Floats, Ints

ZETA, GAMMA = 1.1, -0.1
ITS_SIDE = 0.01
"""How far from the middle between two codes a variable starts at least: it is on the side of the code that stands."""


class RoundingVariables(nn.Module):
    """The variables of one weight.

    Args:
        codes: the codes that stand, in the weight's own shape.
        grid: their grid.
        exact: the float weight that these are nearest to; None where they stand elsewhere (case 2).
        mask: False where a code is 0 and stays so (case 3); None where there is no such.
    """

    low: torch.Tensor
    steps: torch.Tensor
    scale: torch.Tensor

    def __init__(self, codes: Ints, grid: QuantParams, exact: Floats | None, mask: Bools | None = None) -> None:
        super().__init__()
        scale, zero = grid.spread(codes.ndim)
        stands = np.asarray(codes - zero, np.float64)
        low, steps, soft = stands - 1, np.full(codes.shape, 2.0), np.full(codes.shape, 0.5)
        if exact is not None:
            wished = np.asarray(exact, np.float64) / scale
            floor = np.floor(wished)
            up = stands - floor
            near = (up == 0) | (up == 1)
            fraction = wished - floor
            on_its_side = np.where(up > 0, np.maximum(fraction, 0.5 + ITS_SIDE), np.minimum(fraction, 0.5 - ITS_SIDE))
            low, steps = np.where(near, floor, low), np.where(near, 1.0, steps)
            soft = np.where(near, on_its_side, soft)
        if mask is not None:
            low, steps = np.where(mask, low, 0.0), np.where(mask, steps, 0.0)
        self.most = grid.qtype.qmin - zero.min(), grid.qtype.qmax - zero.max()
        self.variable = nn.Parameter(aligned(np.log((soft - GAMMA) / (ZETA - soft))))
        self.register_buffer("low", aligned(low))
        self.register_buffer("steps", aligned(steps))
        self.register_buffer("scale", aligned(scale))
        self._zero = zero

    def moved(self) -> torch.Tensor:
        """How many steps above ``low`` each code is: 0 to 1, or 0 to 2."""
        return torch.clamp(torch.sigmoid(self.variable) * (ZETA - GAMMA) + GAMMA, 0.0, 1.0) * self.steps

    def forward(self) -> torch.Tensor:
        """The soft weight, real numbers."""
        return torch.clamp(self.low + self.moved(), *self.most) * self.scale

    def between(self, beta: float) -> torch.Tensor:
        """The regulariser's sum: how far the variables are from whole steps."""
        fraction = self.moved() - torch.floor(self.moved().detach())
        return (1 - (2 * fraction - 1).abs().pow(beta)).sum()

    def settled(self) -> bool:
        """Whether all variables are whole steps, as good as."""
        codes = torch.clamp(self.low + self.moved(), *self.most)
        return bool(((codes - codes.round()).abs() < ITS_SIDE).all())

    def codes(self) -> Ints:
        """The codes that the variables stand for now."""
        with torch.no_grad():
            steps = torch.floor(self.moved() + 0.5) + self.low
            found = torch.clamp(steps, *self.most).numpy().astype(np.int64)
        return np.asarray(found + self._zero, np.int64)


def beta_at(share: float, warmup: float, first: float = 8.0, last: float = 2.0) -> float | None:
    """The regulariser's exponent when this share of the iterations is done; None in the warm-up, where it is off."""
    if share < warmup:
        return None
    return first + (last - first) * (share - warmup) / max(1.0 - warmup, 1e-9)
