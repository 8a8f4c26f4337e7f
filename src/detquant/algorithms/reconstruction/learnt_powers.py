"""Steps that are learnt and are powers of two: the nearest one is used, and gradients go to what is rounded to it.

Jain et al. 2020, Trained Quantization Thresholds for Accurate and Efficient Fixed-Point Inference of Deep Neural
Networks, section 3: a step ``s`` is used as ``2^round(log2 s)``, with rounding of the logarithm passed straight
through.
"""

from __future__ import annotations

import torch


def snapped(step: torch.Tensor) -> torch.Tensor:
    """The powers of two nearest to some steps, exactly, by factors; see `detquant.numerics.powers_of_two`.

    Args:
        step: above 0.
    """
    exponent = torch.round(torch.log2(step.detach())).to(torch.int32)
    power = torch.ldexp(torch.ones_like(step), exponent).detach()
    passed = step * (power / step).detach()
    return power + (passed - passed.detach())
