"""Real factors as whole ones: ``factor ~ M / 2^S``, and the requantisation that uses them.

Arithmetic "dq-int-1": with an accumulator ``n``, exact, of at most 32 bits,

    code = saturate(((n M + 2^(S-1)) >> S) + zero_point)

one rounding, half up, and one saturation, last. ``M`` is unsigned and normalised to ``2^(bits-1) <= M < 2^bits``, so
that its relative error is at most ``2^-bits``: 24 bits differ from float32 on none of 3.2 million outputs of a
YOLOv8n, 18 (the width of one port of a DSP48E2) on 0.004 %. 31 bits are what TOSA's RESCALE and TFLite's single
rounding take.

A factor that is a power of two needs no multiplier (`Multiplier.shifts`). What it gives then stands in the middle
between two codes often, once in ``2^shift``, and goes up there, where QuantizeLinear of ONNX takes the even one: codes
of such a layer differ from those of the QDQ graph at such ties, by one, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Doubles, Ints
from detquant.numerics.rounding import half_even, shift_half_up

MULTIPLIER_BITS = 24
WIDEST_MULTIPLIER = 31
LARGEST_SHIFT = 62
LARGEST_COMMON_SHIFT = 46
"""Largest shift in common: zero points of 16 bits, moved up by this much, are int64 still."""
ACCUMULATOR_BITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Multiplier:
    """Factors of a requantisation as whole numbers: ``multiplier / 2^shift``.

    Attributes:
        multiplier: int64, signed where factors are; shape ``()`` or one that broadcasts against the accumulators.
        shift: int64, the same shape, or ``()``.
    """

    multiplier: Ints
    shift: Ints

    @property
    def real(self) -> Doubles:
        """The real factors that multiplier and shift stand for."""
        return np.asarray(np.ldexp(self.multiplier.astype(np.float64), -self.shift.astype(np.int32)))

    @property
    def shifts(self) -> Ints | None:
        """Places by which numbers move to the right, below 0 to the left, where all factors are powers of two in size.

        ``shift_half_up(number, shifts)`` is then what `of` gives. None where one of them is no power of two.
        """
        fraction, exponent = np.frexp(np.abs(self.multiplier).astype(np.float64))
        return None if (fraction != 0.5).any() else np.asarray(self.shift - (exponent - 1), np.int64)

    def of(self, number: Ints) -> Ints:
        """``factor * number``, rounded half up."""
        return shift_half_up(number * self.multiplier, self.shift)


def multipliers(factors: npt.ArrayLike, bits: int = MULTIPLIER_BITS) -> Multiplier:
    """The nearest multipliers and shifts, one of each for each factor.

    Args:
        factors: positive or 0, finite, below ``2^bits``.
        bits: width of the multipliers, 2 to 31.

    Raises:
        ValueError: a factor or the width is outside these limits.
    """
    real = np.asarray(factors, np.float64)
    if not 2 <= bits <= WIDEST_MULTIPLIER:
        raise ValueError(f"multipliers have 2 to {WIDEST_MULTIPLIER} bits, not {bits}")
    if not (np.isfinite(real).all() and (real >= 0).all() and (real < 2.0**bits - 0.5).all()):
        raise ValueError(f"factors lie between 0 and 2^{bits}, not at {real.min()} to {real.max()}")
    fraction, exponent = np.frexp(real)
    whole = half_even(np.ldexp(fraction, bits)).astype(np.int64)
    over = whole == 1 << bits
    whole, exponent = np.where(over, whole >> 1, whole), exponent + over
    shift = bits - exponent.astype(np.int64)
    # A factor so small that its shift has more than 6 bits loses the places that no result can show.
    low = np.clip(shift - LARGEST_SHIFT, 0, LARGEST_SHIFT)
    nothing = whole == 0
    return Multiplier(np.asarray(shift_half_up(whole, low)), np.asarray(np.where(nothing, 0, shift - low)))


def common_multipliers(factors: npt.ArrayLike, bits: int = MULTIPLIER_BITS) -> Multiplier:
    """Multipliers of several terms of a sum, signed, with one shift: that of the largest factor, 46 at most."""
    real = np.asarray(factors, np.float64)
    shift = np.minimum(multipliers(np.abs(real).max(), bits).shift, LARGEST_COMMON_SHIFT)
    return Multiplier(half_even(np.ldexp(real, int(shift))).astype(np.int64), np.asarray(shift, np.int64))
