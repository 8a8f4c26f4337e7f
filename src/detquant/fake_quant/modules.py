"""The modules that a graph is made of: fake quantisers, layers with a weight, operators without one."""

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from detquant.errors import UnsupportedOperator
from detquant.fake_quant.operators import Function
from detquant.numerics import QuantParams

Array = np.ndarray[Any, Any]
WIDEST = 16


class FakeQuantize(nn.Module):
    """Rounds to a grid and gives the real numbers of it: per tensor, or per channel of an axis.

    Codes are of any width from 2 to 16 bits. Gradients pass unchanged where nothing is clipped, and are 0 elsewhere
    (the straight-through estimator, Bengio et al. 2013).

    Args:
        grid: float32 scales, zero points, the axis they run along, and the type whose limits clip.

    Raises:
        UnsupportedOperator: the codes are wider than float32 can tell apart.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor

    def __init__(self, grid: QuantParams) -> None:
        super().__init__()
        if grid.qtype.bits > WIDEST:
            raise UnsupportedOperator(
                f"A grid of {grid.qtype.bits} bits cannot be imitated in float32, which is exact for {WIDEST} at most: "
                f"choose a recipe with narrower types."
            )
        self.quant_min, self.quant_max, self.axis = grid.qtype.qmin, grid.qtype.qmax, grid.axis
        self.register_buffer("scale", torch.from_numpy(np.array(grid.scale, np.float32)))
        self.register_buffer("zero_point", torch.from_numpy(np.array(grid.zero_point, np.int32)))

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The nearest values of the grid."""
        grid, limits = (self.scale, self.zero_point), (self.quant_min, self.quant_max)
        if self.axis is None:
            return torch.fake_quantize_per_tensor_affine(data, *grid, *limits)
        return torch.fake_quantize_per_channel_affine(data, *grid, self.axis, *limits)


class Layer(nn.Module):
    """An operator with a weight, kept in float beside its grid.

    Args:
        function: the operator as a function of data, weight and bias.
        weight: real numbers, on the grid.
        bias: real numbers, or None.
        grid: grid of the weight, or None where the layer is in float.
    """

    def __init__(self, function: Function, weight: Array, bias: Array | None, grid: FakeQuantize | None) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.bias = None if bias is None else nn.Parameter(torch.from_numpy(bias))
        self.weight_fake_quant = grid

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The operator on the rounded weight."""
        weight = self.weight if self.weight_fake_quant is None else self.weight_fake_quant(self.weight)
        result: torch.Tensor = self.function(data, weight, self.bias)
        return result


class Operation(nn.Module):
    """An operator without a weight; its constant inputs are buffers.

    Args:
        function: the operator as a function of all inputs.
        constants: constant inputs, by place.
    """

    def __init__(self, function: Function, constants: Mapping[int, Array]) -> None:
        super().__init__()
        self.function, self.places = function, tuple(constants)
        for place, array in constants.items():
            self.register_buffer(f"constant_{place}", torch.from_numpy(array))

    def forward(self, *data: torch.Tensor) -> Any:
        """The operator; the inputs are those that are computed."""
        inputs = list(data)
        for place in self.places:
            inputs.insert(place, getattr(self, f"constant_{place}"))
        return self.function(*inputs)
