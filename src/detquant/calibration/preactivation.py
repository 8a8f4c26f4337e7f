"""The range of a tensor that only an activation function reads: what it flattens need not be represented.

SiLU(x) = x sigmoid(x) tends to 0 for x -> -inf. Everything below ``c`` may be clipped to ``c`` when the
largest change, ``|SiLU(c)|``, is at most half a step of the output's grid; the codes won are spent where
the function is steep. A score below 0.001 is shown by nobody, so a sigmoid's input is clipped below ``LOGIT``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detquant.numerics.arrays import Floats
from detquant.recipes.plan import SCORES

Function = Callable[[Floats], Floats]

LOGIT = -7.0
"""Smallest logit that is represented: that of a score of 0.0009."""

HIGHEST = 16.0
"""Upper end up to which a range counts: one outlying channel must not make the flat side of others negligible."""


def silu(x: Floats) -> Floats:
    """SiLU: ``x sigmoid(x)``."""
    return np.asarray(x / (1.0 + np.exp(-np.clip(x, -80, None))), np.float32)


def mish(x: Floats) -> Floats:
    """Mish: ``x tanh(log(1 + exp(x)))``."""
    return np.asarray(x * np.tanh(np.logaddexp(0.0, x)), np.float32)


def hardswish(x: Floats) -> Floats:
    """HardSwish: ``x clip(x + 3, 0, 6) / 6``."""
    return np.asarray(x * np.clip(x + 3.0, 0.0, 6.0) / 6.0, np.float32)


FUNCTIONS: dict[str, Function] = {"silu": silu, "mish": mish, "hardswish": hardswish}


def useful_low(kind: str, low: float, high: float, levels: int = 255) -> float:
    """The smallest input worth representing: at least ``low``, never above -1.5, where the functions turn.

    Args:
        kind: activation function, or SCORES.
        low: smallest input seen.
        high: largest input seen.
        levels: steps of the output grid.
    """
    if kind == SCORES:
        return max(low, LOGIT)
    function = FUNCTIONS[kind]
    half_step = 0.5 * min(max(high, 0.5), HIGHEST) / levels
    cut = -1.5
    while cut > low and abs(float(function(np.array(cut)))) > half_step:
        cut -= 0.05
    return max(low, cut)
