"""The best few codes, beside all choices that there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from detquant.algorithms.cluster.best_book import best_book

LOW, HIGH = -5, 4


def drawn(seed, count=60):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (count // 4, 4)).astype(np.float32), rng.random((count // 4, 4)).astype(np.float32)


def cost(book, numbers, weights):
    inside = np.clip(numbers, LOW, HIGH)
    return float((weights * np.square(inside[..., None] - np.asarray(book)).min(axis=-1)).sum())


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_no_other_book_costs_less(k, zero):
    numbers, weights = drawn(k)
    numbers += 2 * zero  # so that 0 is no natural choice
    found = best_book(numbers, weights, k, LOW, HIGH, zero=zero)
    every = (one for one in itertools.combinations(range(LOW, HIGH + 1), k) if 0 in one or not zero)
    assert found.size == k and (np.diff(found) > 0).all() and (0 in found or not zero)
    assert cost(found, numbers, weights) == pytest.approx(min(cost(one, numbers, weights) for one in every), rel=1e-6)


def test_weights_decide():
    numbers = np.array([-4.0, -3.0, 1.0, 4.0], np.float32)
    np.testing.assert_array_equal(best_book(numbers, np.array([9, 0, 0, 9], np.float32), 2, LOW, HIGH), [-4, 4])
    np.testing.assert_array_equal(best_book(numbers, np.array([0, 9, 9, 0], np.float32), 2, LOW, HIGH), [-3, 1])


@pytest.mark.parametrize("k", [10, 256])
def test_a_type_of_no_more_codes_has_them_all(k):
    np.testing.assert_array_equal(best_book(*drawn(0), k, LOW, HIGH), np.arange(LOW, HIGH + 1))
