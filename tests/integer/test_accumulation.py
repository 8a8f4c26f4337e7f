"""Sums in floats are those of whole numbers, to the last one, up to the bound and not beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.window import Window
from detquant.integer import accumulation
from detquant.integer.accumulation import convolve, exact_type, matrix_product

WINDOW = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))


def test_the_type_is_the_narrowest_that_is_exact():
    assert exact_type(1 << 24) is np.float32 and exact_type((1 << 24) + 1) is np.float64
    with pytest.raises(OverflowError, match="exact in no float type"):
        exact_type((1 << 53) + 1)


@pytest.mark.parametrize("reach", [1 << 7, 1 << 15])
def test_the_largest_sums_are_exact(reach):
    """All products of one sign, so that the sum is as large as its bound; one is added, which a float would lose."""
    data = np.full((1, 200, 5, 5), reach - 1)
    weights = np.full((2, 200, 3, 3), reach - 1)
    weights[1, 0, 1, 1] = reach - 2
    largest = int(weights[0].sum()) * reach
    found = convolve(data, weights, WINDOW, 1, largest)
    assert int(found[0, 0, 2, 2]) == 1800 * (reach - 1) ** 2
    assert int(found[0, 1, 2, 2]) == 1800 * (reach - 1) ** 2 - (reach - 1)
    product = matrix_product(data.reshape(25, 200), weights.reshape(200, 18), largest)
    assert int(product[0, 1]) == 200 * (reach - 1) ** 2


def test_rows_in_parts_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    data, weights = rng.integers(-128, 128, (2, 8, 9, 7)), rng.integers(-128, 128, (4, 4, 3, 3))
    whole = convolve(data, weights, WINDOW, 2, 1 << 24)
    monkeypatch.setattr(accumulation, "AT_ONCE", 1)
    assert np.array_equal(convolve(data, weights, WINDOW, 2, 1 << 24), whole)
