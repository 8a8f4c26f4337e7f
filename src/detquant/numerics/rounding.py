"""The two roundings of the house: what makes codes of numbers takes one of them.

* `half_even`, for real numbers: what ONNX's ``QuantizeLinear`` does.
* `shift_half_up`, for whole numbers: ``(n + 2^(S-1)) >> S``, one addition and one arithmetic shift, what an integer
  unit does after a product. Ties go up, towards plus infinity, for negative numbers too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Ints


def half_even(x: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """The nearest whole numbers, in the type of ``x``; of two that are as near, the even one."""
    return np.asarray(np.rint(x))


def shift_half_up(number: Ints, shift: Ints | int) -> Ints:
    """``number / 2^shift`` to the nearest whole number, ties up.

    Args:
        number: int64, at most ``2^62`` in size, so that half a step can be added.
        shift: 0 or more, broadcast against ``number``.
    """
    steps = np.asarray(shift, np.int64)
    half = np.where(steps > 0, np.int64(1) << np.maximum(steps - 1, 0), 0)
    return np.asarray((number + half) >> steps, np.int64)
