"""Which numbers of activations are left unrounded in a step (QDrop, Wei et al. 2022), drawn once for all of its grids.

Random numbers cost more than rounding. So each step draws as many as its largest tensor has, and each grid reads them
from another place on.
"""

from __future__ import annotations

import torch

SPARE = 65536
"""Numbers beyond the largest tensor: places to read from."""


class Dropped:
    """The choice of one step.

    Args:
        share: probability that a number is left as it is.
        random: draws.
    """

    def __init__(self, share: float, random: torch.Generator) -> None:
        self._share, self._random = share, random
        self._kept = torch.zeros(0)

    def kept(self, data: torch.Tensor) -> torch.Tensor:
        """1 where a number of a tensor is rounded, 0 where it is left as it is."""
        random = {"generator": self._random, "device": self._random.device}
        if data.numel() + SPARE > len(self._kept):
            self._kept = (torch.rand(data.numel() + SPARE, **random) >= self._share).to(torch.float32)
        place = int(torch.randint(SPARE, (), **random))
        if data.is_contiguous(memory_format=torch.channels_last):  # laid out as the numbers are, which is much faster
            return torch.as_strided(self._kept, data.shape, data.stride(), place)
        return self._kept[place : place + data.numel()].view(data.shape)
