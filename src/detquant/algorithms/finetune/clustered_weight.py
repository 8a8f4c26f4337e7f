"""A weight whose codes are drawn from a few, learnt as such: which code each number has stays, and the codes move.

Han, Mao and Dally 2016, Deep Compression, section 3.3: the gradient of a centre is the sum of the gradients of the
numbers that have it. Here a centre is a code, a whole number that all channels share, so with the steps ``s`` of the
channels, ``c`` the codes and ``a_i`` the place in the book of number ``i``,

    w_i = s_i round(c_(a_i))        dL/dc_j = sum over a_i = j of s_i dL/dw_i        dL/ds = sum of c_(a_i) dL/dw_i

with rounding passed straight through. A code of 0 stays 0: it is what masks hide, and what neighbours are drawn to.
"""

from __future__ import annotations

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from detquant.algorithms.finetune.learnt_grids import SIXTEENTHS, WeightVariable, slowed
from detquant.algorithms.reconstruction.learnt_powers import snapped
from detquant.algorithms.reconstruction.tensors import aligned
from detquant.calibration import AllowedCodes, QuantModel
from detquant.numerics import QuantParams, quantize
from detquant.numerics.arrays import Floats, Ints


class ClusteredWeight(nn.Module):
    """A weight on few codes, these codes, and its steps.

    Args:
        weight: real numbers on the grid, in the weight's own shape; their codes are all in the book.
        grid: the grid, around 0.
        book: the codes, ascending.
        power_of_two: whether its steps are powers of two.
    """

    places: torch.Tensor
    book: torch.Tensor
    free: torch.Tensor
    before: torch.Tensor

    def __init__(self, weight: Floats, grid: QuantParams, book: Ints, *, power_of_two: bool = False) -> None:
        super().__init__()
        self.power_of_two = power_of_two
        self.grid, self.low, self.high = grid, grid.qtype.qmin, grid.qtype.qmax
        scale, _ = grid.spread(weight.ndim)
        self.register_buffer("places", torch.from_numpy(np.searchsorted(book, quantize(weight, grid))))
        self.register_buffer("book", aligned(book.astype(np.float32)))
        self.register_buffer("free", self.book != 0)
        self.register_buffer("before", aligned(scale))
        self.unit = max(1.0, (self.high - self.low + 1) / SIXTEENTHS)
        self.moved, self.stretched = nn.Parameter(torch.zeros(len(book))), nn.Parameter(torch.zeros(scale.shape))
        self.slow = 1.0 / float(np.sqrt(max(weight.size / max(scale.size, 1), 1) * max(self.high, 1)))

    def forward(self) -> torch.Tensor:
        """The weight on its codes."""
        return self._chosen() * slowed(self.step(), self.slow)

    def codes(self) -> torch.Tensor:
        """The codes as they are now, in the order of the book that it began with; whole, and on the grid."""
        real = torch.clamp(self.book + self.unit * self.moved * self.free, self.low, self.high)
        return real + (torch.round(real) - real).detach()

    def step(self) -> torch.Tensor:
        """The steps as they are now."""
        step = self.before * torch.exp(self.stretched)
        return snapped(step) if self.power_of_two else step

    def found(self) -> tuple[Floats, QuantParams]:
        """What was learnt: the weight, and its grid."""
        with torch.no_grad():
            step = self.step()
            real = (self._chosen() * step).cpu().numpy()
        scale = np.asarray(step.cpu().numpy(), np.float32).reshape(self.grid.scale.shape)
        return np.asarray(real, np.float32), replace(self.grid, scale=scale)

    def _chosen(self) -> torch.Tensor:
        """The code of each number."""
        return self.codes().index_select(0, self.places.reshape(-1)).reshape(self.places.shape)

    def found_book(self) -> Ints:
        """The codes that were learnt, ascending; fewer than before where two have become one."""
        with torch.no_grad():
            return np.unique(self.codes().cpu().numpy().astype(np.int64))


def weight_variable(
    weight: Floats, grid: QuantParams, allowed: AllowedCodes | None, *, power_of_two: bool = False
) -> nn.Module:
    """A weight as it is learnt.

    Args:
        weight: real numbers on the grid, in the weight's own shape.
        grid: the grid.
        allowed: what a step before has decided about its codes.
        power_of_two: whether its steps are powers of two.
    """
    if allowed is None or allowed.book is None:
        return WeightVariable(weight, grid, allowed.mask if allowed else None, power_of_two=power_of_two)
    return ClusteredWeight(weight, grid, allowed.book, power_of_two=power_of_two)


def with_learnt_books(qm: QuantModel, weights: Mapping[str, nn.Module]) -> QuantModel:
    """The model with the codes that layers were learnt with.

    Args:
        qm: the model.
        weights: what is learnt of each layer's weight, by name.
    """
    books = {name: one.found_book() for name, one in weights.items() if isinstance(one, ClusteredWeight)}
    return replace(
        qm, allowed={**qm.allowed, **{name: replace(qm.allowed[name], book=book) for name, book in books.items()}}
    )
