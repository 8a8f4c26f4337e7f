from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.range_search import Search
from detquant.numerics import QType, QuantSpec, fake_quantize, grid_from_range

RNG = np.random.default_rng(3)
HEAVY = (RNG.standard_normal(20000) * np.exp(RNG.standard_normal(20000))).astype(np.float32)
SILU = (HEAVY / (1 + np.exp(-HEAVY))).astype(np.float32)


def squared_error(values):
    seen = []

    def loss(grid, least=np.inf):
        seen.append((float(grid.scale), int(grid.zero_point)))
        return float(np.square(fake_quantize(values, grid) - values, dtype=np.float64).mean())

    return loss, seen


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("values", [HEAVY, SILU], ids=["two-sided", "one-sided"])
@pytest.mark.parametrize("signed", [False, True], ids=["asymmetric", "symmetric"])
def test_it_comes_near_the_best_of_all_ranges(bits, values, signed):
    spec = QuantSpec(qtype=QType(bits, signed), symmetric=signed)
    loss, _ = squared_error(values)
    begin = grid_from_range(values.min(), values.max(), spec)
    found = Search(loss, spec).run(begin)
    best = min(
        loss(grid_from_range(low * values.min(), high * values.max(), spec))
        for low in np.geomspace(0.01, 1, 30)
        for high in np.geomspace(0.01, 1, 30)
    )
    assert loss(found) <= loss(begin)
    assert loss(found) <= 1.25 * best
    assert found.qtype == spec.qtype and (not signed or found.zero_point == 0)


def test_no_grid_is_tried_twice_and_few_are_at_all():
    loss, seen = squared_error(SILU)
    spec = QuantSpec(qtype=QType(4, False), symmetric=False)
    Search(loss, spec).run(grid_from_range(SILU.min(), SILU.max(), spec))
    assert len(seen) == len(set(seen)) <= 45


def test_the_first_stays_where_none_is_better():
    spec = QuantSpec(qtype=QType(4, False), symmetric=False)
    begin = grid_from_range(-1, 3, spec)
    found = Search(lambda grid, least: 1.0, spec).run(begin)
    assert (found.scale, found.zero_point) == (begin.scale, begin.zero_point)


def test_a_tensor_of_zeros_has_a_grid_all_the_same():
    loss, _ = squared_error(np.zeros(8, np.float32))
    spec = QuantSpec(qtype=QType(4, False), symmetric=False)
    found = Search(loss, spec).run(grid_from_range(0, 0, spec))
    assert found.scale > 0
