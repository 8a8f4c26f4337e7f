"""Factors as whole numbers, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detquant.numerics.multipliers import common_multipliers, multipliers
from detquant.numerics.rounding import half_even, shift_half_up


@given(st.floats(2.0**-30, 2.0**20), st.integers(2, 31))
def test_a_multiplier_is_normalised_and_the_nearest(factor, bits):
    if factor >= 2.0**bits - 0.5:
        return
    one = multipliers(factor, bits)
    whole, shift = int(one.multiplier), int(one.shift)
    assert 1 << (bits - 1) <= whole < 1 << bits and shift <= 62
    step = Fraction(1, 1 << shift) if shift >= 0 else Fraction(1 << -shift)
    assert abs(whole * step - Fraction(factor)) <= step / 2


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 40))
def test_a_shift_rounds_halves_up(number, shift):
    exact = Fraction(number, 1 << shift) + Fraction(1, 2)
    assert int(shift_half_up(np.array(number), shift)) == exact.numerator // exact.denominator


def test_halves_of_real_numbers_go_to_the_even_one():
    assert half_even([0.5, 1.5, 2.5, -0.5, -1.5]).tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("tiny", [0.0, 1e-30, 1e-18])
def test_what_no_result_can_show_becomes_nothing(tiny):
    one = multipliers([tiny, 0.5])
    assert one.of(np.array([1 << 31, 4])).tolist() == [0, 2] and int(one.shift.max()) <= 62


def test_terms_of_a_sum_share_their_shift():
    both = common_multipliers([0.75, -0.001])
    assert both.shift.shape == () and np.abs(both.multiplier).max() >> 23 == 1
    assert np.allclose(both.real, [0.75, -0.001], atol=2.0**-24)


@pytest.mark.parametrize(
    ("factor", "bits", "why"),
    [(-1.0, 24, "factors lie between"), (np.nan, 24, "factors"), (2.0**24, 24, "factors"), (1.0, 1, "2 to 31 bits")],
)
def test_what_has_no_multiplier(factor, bits, why):
    with pytest.raises(ValueError, match=why):
        multipliers(factor, bits)
