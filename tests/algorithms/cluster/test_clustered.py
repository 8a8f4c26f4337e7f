"""One layer on few codes: outputs decide, and limits and masks are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms.cluster.clustered import _first_book, _solved_book, clustered
from detquant.algorithms.refit.rounding import Rounding


def problem(groups, outputs, inputs, seed=0, **more):
    rng = np.random.default_rng(seed)
    mixed = 0.8 * rng.normal(size=(groups, inputs, inputs)) + np.eye(inputs)
    channels = groups * outputs
    return Rounding(
        wished=(rng.normal(size=(groups, outputs, inputs)) * rng.uniform(0.2, 3, (groups, outputs, 1))).astype(
            np.float32
        ),
        hessian=(mixed @ mixed.swapaxes(1, 2) / inputs + 1e-3 * np.eye(inputs)).astype(np.float32),
        channel=np.arange(channels).reshape(groups, outputs),
        qmin=-128,
        qmax=127,
        floor=np.zeros(channels, np.float32),
        **more,
    )


def total(rounding, codes, steps):
    return float(rounding.error(codes * rounding.steps_of(steps)).sum())


def by_themselves(rounding, k):
    """k-means on the weights, the steps found for it: each weight the nearest code."""
    on = replace(rounding, book=_first_book(rounding, k))
    steps = on.first_steps()
    return on, on.limited(on.nearest(on.wished / on.steps_of(steps))), steps


@pytest.mark.parametrize("k", [2, 4, 16])
@pytest.mark.parametrize(("groups", "outputs", "inputs"), [(1, 16, 72), (6, 2, 9)])
def test_outputs_lose_less_than_by_clustered_weights(groups, outputs, inputs, k):
    rounding = problem(groups, outputs, inputs)
    found = clustered(rounding, k)
    on, codes, steps = by_themselves(rounding, k)
    assert total(rounding, found.codes, found.steps) < 0.7 * total(on, codes, steps)
    assert found.book.size <= k and set(np.unique(found.codes)) == set(found.book)


def test_more_codes_than_there_are_bits_for_lose_less_than_that_grid():
    """16 codes anywhere beside the 16 of 4 bits, equally far apart."""
    rounding = problem(1, 16, 72)
    narrow = replace(rounding, qmin=-8, qmax=7)
    codes, steps = narrow.codes(narrow.first_steps())
    found = clustered(rounding, 16)
    assert total(rounding, found.codes, found.steps) < 0.9 * total(narrow, codes, steps)


def test_a_book_solved_anew_is_the_best_for_its_choices():
    on, codes, steps = by_themselves(problem(1, 8, 40), 6)
    book, moved = _solved_book(on, codes, steps)
    least = total(on, moved, steps)
    assert least < total(on, codes, steps)
    for code in book:
        for by in (-1, 1):
            assert least <= total(on, np.where(moved == code, code + by, moved), steps) * (1 + 1e-5)


def test_neighbours_are_drawn_in_within_the_book():
    def limit(codes):
        kept = codes.copy()
        over = np.abs(codes[..., 0::2] + codes[..., 1::2]) > 130
        for first in (0, 1):
            kept[..., first::2] = np.where(over, np.trunc(codes[..., first::2] / 2), codes[..., first::2])
        return kept

    found = clustered(problem(1, 12, 40, limit=limit), 8)
    assert (np.abs(found.codes[..., 0::2] + found.codes[..., 1::2]) <= 130).all()
    assert 0 in found.book and found.book.size <= 8 and np.isin(found.codes, found.book).all()


def test_what_a_mask_hides_is_zero_and_costs_no_other_code():
    mask = np.random.default_rng(1).random((1, 12, 40)) < 0.5
    found = clustered(problem(1, 12, 40, mask=mask), 5)
    assert not found.codes[~mask].any() and 0 in found.book and found.book.size <= 5


def test_a_layer_of_nothing_but_zeros():
    empty = problem(1, 3, 9)
    found = clustered(replace(empty, wished=np.zeros_like(empty.wished)), 4)
    assert np.isfinite(found.steps).all() and not (found.codes * empty.steps_of(found.steps)).round(9).any()
