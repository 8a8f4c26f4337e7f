"""Powers of two, and grids whose steps they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detquant.errors import RecipeError
from detquant.numerics import INT8, UINT8, QType, QuantSpec, fake_quantize, grid_from_range
from detquant.numerics.powers_of_two import SMALLEST_POWER, are_powers, nearest_power, power_above
from detquant.numerics.qtype import DYNAMIC

SYMMETRIC = QuantSpec(qtype=INT8, power_of_two=True)
ASYMMETRIC = QuantSpec(qtype=UINT8, symmetric=False, power_of_two=True)


@given(st.floats(2.0**-38, 2.0**60))
def test_above_and_nearest_are_the_powers_on_either_side(number):
    above, nearest = float(power_above(number)), float(nearest_power(number))
    assert are_powers([above, nearest]).all()
    assert above / 2 < number <= above and nearest in (above, above / 2)
    ratio, other = max(number / nearest, nearest / number), above if nearest < above else above / 2
    assert ratio <= max(number / other, other / number) * (1 + 1e-12)


def test_what_is_no_step_has_the_smallest_power():
    assert power_above([0.0, 1e-30]).tolist() == nearest_power([0.0, 1e-30]).tolist() == [SMALLEST_POWER] * 2
    assert are_powers([1.0, 0.0, 3.0, 2.0**-30, 0.1]).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("spec", [SYMMETRIC, ASYMMETRIC, QuantSpec(qtype=QType(4), power_of_two=True)])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (-0.3, 0.1), (0.5, 3.0), (-7.0, -2.0), (0.0, 0.0), (-3e3, 1.0)])
def test_a_grid_is_the_smallest_that_leaves_no_more_than_a_step_outside(spec, low, high):
    grid = grid_from_range(low, high, spec)
    assert are_powers(grid.scale).all() and fake_quantize(np.zeros(1, np.float32), grid) == 0.0
    assert grid.low <= min(low, 0.0) + 1.501 * grid.scale and grid.high >= max(high, 0.0) - 1.501 * grid.scale
    if low < high:
        assert (grid.high - grid.low) / 2 < (2 if spec.symmetric else 1) * (max(high, 0.0) - min(low, 0.0))


@pytest.mark.parametrize(("spec", "exponent"), [(SYMMETRIC, -7), (ASYMMETRIC, -8)])
def test_an_image_keeps_its_codes(spec, exponent):
    """White is cut off by one step, rather than that all steps are twice as wide."""
    grid = grid_from_range(0.0, 1.0, spec)
    assert grid.scale == 2.0**exponent and grid.zero_point == 0
    assert fake_quantize(np.ones(1, np.float32), grid) == 1 - grid.scale


def test_a_step_that_is_found_as_the_model_runs_is_refused():
    with pytest.raises(RecipeError, match="give another observer than 'dynamic'"):
        QuantSpec(qtype=UINT8, symmetric=False, observer=DYNAMIC, power_of_two=True)
