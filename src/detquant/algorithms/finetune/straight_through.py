"""A grid of a whole tensor as one function of torch, with the gradients of LSQ+ in a few passes over the numbers.

With ``t = x / s + z`` and ``y = (clip(round(t), qmin, qmax) - z) s``, and a number ``k`` for each, 1 where it is
rounded and 0 where it is left as it is (QDrop), what comes out is ``o = k y + (1 - k) x``. Of a gradient ``g`` to it
let ``h = k g`` where ``t`` rounds to a code of the grid, 0 where it is clipped, as torch's own fake quantisers have it.
Then equations 3 and 5 of the papers (see `learnt_grids`), summed over the tensor, are

    dx = (1 - k) g + h        ds = (sum k g o  -  sum h x) / s        dz = -s (sum k g  -  sum h)

which takes no selection of elements, the slowest thing that a processor does here.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its classes are made to be subclassed
# mypy: allow-subclassing-any
from typing import Any

import torch
from torch import nn

from detquant.algorithms.reconstruction.tensors import aligned
from detquant.numerics import QuantParams

HALF = 0.5


class OnGrid(torch.autograd.Function):
    """See above; `apply` takes what `on_grid` does."""

    @staticmethod
    def forward(
        ctx: Any,
        data: torch.Tensor,
        step: torch.Tensor,
        zero: torch.Tensor,
        low: int,
        high: int,
        kept: torch.Tensor | None,
    ) -> torch.Tensor:
        """The numbers on the grid."""
        found = (data / step).add_(zero).round_().clamp_(low, high).sub_(zero).mul_(step)
        if kept is not None:
            found = torch.lerp(data, found, kept)
        ctx.low, ctx.high = low, high
        ctx.save_for_backward(data, found, step, zero, kept)
        return found

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients to the numbers, the step and the zero point."""
        data, found, step, zero, kept = ctx.saved_tensors
        rounded = grad if kept is None else grad * kept
        places = (data / step).add_(zero)
        passed = torch.ops.aten.hardtanh_backward(rounded, places, ctx.low - HALF, ctx.high + HALF)
        to_step = to_zero = None
        if ctx.needs_input_grad[1]:
            to_step = ((rounded * found).sum() - (passed * data).sum()) / step
        if ctx.needs_input_grad[2]:
            to_zero = (passed.sum() - rounded.sum()) * step
        to_data = passed if kept is None else passed + (grad - rounded)
        return to_data, to_step, to_zero, None, None, None


def on_grid(
    data: torch.Tensor,
    step: torch.Tensor,
    zero: torch.Tensor,
    low: int,
    high: int,
    kept: torch.Tensor | None = None,
) -> torch.Tensor:
    """Numbers on a grid.

    Args:
        data: the numbers; half-precise ones become float32, in which grids are told apart.
        step: one number.
        zero: the code of zero, one whole number.
        low: the smallest code.
        high: the largest one.
        kept: 1 where a number is rounded and 0 where it is left as it is, of the form of the numbers; None for 1.
    """
    found: torch.Tensor = OnGrid.apply(data.float(), step, zero, low, high, kept)
    return found


class KnownGrid(nn.Module):
    """A grid of a whole tensor that nobody learns: what `FakeQuantize` gives, many times faster.

    Args:
        grid: the grid.
    """

    scale: torch.Tensor
    zero: torch.Tensor

    def __init__(self, grid: QuantParams) -> None:
        super().__init__()
        self.low, self.high = grid.qtype.qmin, grid.qtype.qmax
        self.register_buffer("scale", aligned(grid.scale))
        self.register_buffer("zero", aligned(grid.zero_point))

    def forward(self, data: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """The nearest values of the grid; see `on_grid`."""
        return on_grid(data, self.scale, self.zero, self.low, self.high, kept)
