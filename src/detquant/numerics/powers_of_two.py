"""Powers of two, the steps of grids that hardware changes by shifting: ``s = 2^e``, one whole number for a tensor.

Where all steps are powers of two, so is every factor ``s_x s_w / s_y`` by which codes come from one grid to another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Bools, Floats

SMALLEST_POWER = np.float32(2.0**-39)
"""The smallest power that a step has: a tensor that is all zero has this one."""


def power_above(numbers: npt.ArrayLike) -> Floats:
    """The smallest powers of two that are not below some numbers, in float32.

    Args:
        numbers: of any shape; those below `SMALLEST_POWER` count as that much.
    """
    fraction, exponent = _parts(numbers)
    return _powers(exponent - (fraction == 0.5))


def nearest_power(numbers: npt.ArrayLike) -> Floats:
    """The powers of two by which some numbers have to be multiplied or divided least to get there, in float32.

    Args:
        numbers: of any shape; those below `SMALLEST_POWER` count as that much.
    """
    fraction, exponent = _parts(numbers)
    return _powers(exponent - (fraction < np.sqrt(0.5)))


def are_powers(numbers: npt.ArrayLike) -> Bools:
    """Which numbers are powers of two."""
    return np.asarray(np.frexp(np.asarray(numbers, np.float64))[0] == 0.5)


def _parts(numbers: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Fractions from a half to below one, and exponents: ``fraction 2^exponent``."""
    fraction, exponent = np.frexp(np.maximum(np.asarray(numbers, np.float64), SMALLEST_POWER))
    return fraction, exponent


def _powers(exponents: npt.NDArray[np.int32]) -> Floats:
    return np.asarray(np.ldexp(1.0, exponents), np.float32)
