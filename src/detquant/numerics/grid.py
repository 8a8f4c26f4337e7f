"""A grid (scale and zero point), how it is made from a range, and how numbers are moved onto it.

ONNX ``QuantizeLinear``: ``q = saturate(round_half_even(x / scale) + zero_point)``, and
``x' = (q - zero_point) * scale``. Scales are float32 and so is the division, as the runtimes do it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Array, Floats, Ints
from detquant.numerics.powers_of_two import power_above
from detquant.numerics.qtype import QType, QuantSpec
from detquant.numerics.rounding import half_even

SMALLEST_SCALE = np.float32(1e-12)
BEYOND_ANY_CODE = float(1 << 40)


@dataclass(frozen=True, slots=True, eq=False)
class QuantParams:
    """A quantisation grid: scale and zero point, for a whole tensor or for each channel.

    Attributes:
        qtype: integer type of the codes.
        scale: float32, shape ``()`` or ``[channels]``.
        zero_point: int64, the same shape.
        axis: the axis that ``scale`` runs along; None for one scale.
    """

    qtype: QType
    scale: Floats
    zero_point: Ints
    axis: int | None = None

    @property
    def low(self) -> Floats:
        """Smallest real value on the grid."""
        return np.asarray((self.qtype.qmin - self.zero_point) * self.scale, np.float32)

    @property
    def high(self) -> Floats:
        """Largest real value on the grid."""
        return np.asarray((self.qtype.qmax - self.zero_point) * self.scale, np.float32)

    def spread(self, ndim: int) -> tuple[Floats, Ints]:
        """Scale and zero point in a shape that broadcasts against a tensor of ``ndim`` axes."""
        if self.axis is None:
            return self.scale, self.zero_point
        shape = [1] * ndim
        shape[self.axis] = -1
        return self.scale.reshape(shape), self.zero_point.reshape(shape)


def grid_from_range(low: npt.ArrayLike, high: npt.ArrayLike, spec: QuantSpec, axis: int | None = None) -> QuantParams:
    """The grid of ``spec`` that covers ``[low, high]``; zero is always on the grid.

    Symmetric: ``scale = max(|low|, |high|) / qmax``, zero point 0. Asymmetric (Jacob et al. 2018, eq. 1):
    ``scale = (high - low) / (qmax - qmin)``, ``zero_point = qmin - round(low / scale)``.

    Where scales are powers of two it is the smallest one that leaves no end more than a step outside: twice the step
    for all numbers costs more than that. So images from 0 to 1 have ``2^-8`` in 8 bits, ``2^-7`` in 7 and a sign.

    Args:
        low: smallest values, shape ``()`` or ``[channels]``.
        high: largest values, the same shape.
        spec: type, symmetry, and whether scales are powers of two.
        axis: axis of the channels.
    """
    q = spec.qtype
    low = np.minimum(np.asarray(low, np.float64), 0.0)
    high = np.maximum(np.asarray(high, np.float64), 0.0)
    if spec.symmetric:
        scale = np.asarray(np.maximum(np.maximum(-low, high) / q.qmax, SMALLEST_SCALE), np.float32)
        if spec.power_of_two:
            scale = power_above(np.maximum(-low / (1 - q.qmin), high / (1 + q.qmax)))
        return QuantParams(q, scale, np.zeros(scale.shape, np.int64), axis)
    scale = np.asarray(np.maximum((high - low) / (q.qmax - q.qmin), SMALLEST_SCALE), np.float32)
    if spec.power_of_two:
        scale = power_above((high - low) / (q.qmax - q.qmin + 1))
    zero_point = np.clip(q.qmin - half_even(low / scale), q.qmin, q.qmax)
    return QuantParams(q, scale, np.asarray(zero_point, np.int64), axis)


def quantize(x: Array, params: QuantParams) -> Ints:
    """Codes of ``x`` (int64, same shape): round half to even, then saturate."""
    scale, zero_point = params.spread(x.ndim)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and infinity saturates
        steps = half_even(np.asarray(x, np.float32) / scale)
    # A float beyond int64 becomes its smallest code, whatever the sign, so it is brought into reach first.
    codes = np.clip(steps, -BEYOND_ANY_CODE, BEYOND_ANY_CODE).astype(np.int64) + zero_point
    return np.asarray(np.clip(codes, params.qtype.qmin, params.qtype.qmax), np.int64)


def dequantize(codes: npt.NDArray[np.integer], params: QuantParams) -> Floats:
    """Real values of ``codes`` (float32, same shape)."""
    scale, zero_point = params.spread(codes.ndim)
    return np.asarray((codes - zero_point) * scale, np.float32)


def fake_quantize(x: Array, params: QuantParams) -> Floats:
    """``x`` moved onto the grid (float32, same shape)."""
    return dequantize(quantize(x, params), params)
