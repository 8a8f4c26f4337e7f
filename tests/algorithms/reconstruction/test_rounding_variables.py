"""The variables begin on the codes that stand, move by a step at most, and end on whole ones."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.numerics import QType, QuantParams, quantize

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.reconstruction.rounding_variables import RoundingVariables, beta_at

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(2)


def grid_of(bits, axis, channels):
    scale = RNG.uniform(0.05, 0.2, channels).astype(np.float32)
    return QuantParams(QType(bits), scale, np.zeros(channels, np.int64), axis)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(("shape", "axis"), [((6, 4, 3, 3), 0), ((4, 6, 2, 2), 1), ((5, 6), 1)])
def test_a_weight_begins_on_the_codes_nearest_to_it(bits, shape, axis):
    grid = grid_of(bits, axis, 6)
    exact = RNG.normal(0, 0.3, shape).astype(np.float32)
    exact[(0,) * len(shape)] = 100.0  # clipped
    codes = quantize(exact, grid)
    variables = RoundingVariables(codes, grid, exact)
    assert np.array_equal(variables.codes(), codes)
    # In the middle of the range the soft weight is the float one, but where its fraction is about a half.
    scale = grid.spread(exact.ndim)[0]
    inside = (codes > grid.qtype.qmin) & (codes < grid.qtype.qmax)
    assert np.abs((variables().detach().numpy() - exact) / scale)[inside].max(initial=0) < 0.011


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_tie_is_the_code_that_stands(bits):
    grid = QuantParams(QType(bits), np.float32(0.5), np.int64(0))
    exact = np.arange(-5, 5, dtype=np.float32) / 4
    assert np.array_equal(RoundingVariables(quantize(exact, grid), grid, exact).codes(), quantize(exact, grid))


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("moved", [False, True])
def test_codes_go_one_step_and_no_further(direction, moved):
    grid = grid_of(4, 0, 6)
    exact = RNG.normal(0, 0.3, (6, 4, 3, 3)).astype(np.float32)
    codes = quantize(exact, grid)
    variables = RoundingVariables(codes, grid, None if moved else exact)
    adam = torch.optim.Adam(variables.parameters(), lr=0.3)
    for _ in range(60):
        adam.zero_grad()
        (-direction * (variables() / variables.scale).sum()).backward()
        adam.step()
    found = variables.codes()
    assert variables.settled()
    wished = codes + direction if moved else np.floor(exact / grid.spread(4)[0]) + (direction > 0)
    inside = (codes > grid.qtype.qmin) & (codes < grid.qtype.qmax)
    assert inside.mean() > 0.8 and np.array_equal(found[inside], wished[inside])
    assert np.abs(found - codes).max() == 1
    assert grid.qtype.qmin <= found.min() and found.max() <= grid.qtype.qmax


def test_codes_that_were_moved_begin_where_they_are_and_with_room_on_both_sides():
    grid = grid_of(4, 0, 6)
    codes = RNG.integers(-8, 8, (6, 4, 3, 3))
    variables = RoundingVariables(codes, grid, None)
    assert np.array_equal(variables.codes(), codes)
    assert np.allclose(variables().detach().numpy(), codes * grid.spread(4)[0], atol=1e-6)
    variables().sum().backward()
    assert bool((variables.variable.grad > 0).any())


def test_a_code_that_a_limit_drew_in_begins_where_it_is():
    grid = QuantParams(QType(8), np.float32(0.01), np.int64(0))
    exact = np.array([[1.0, -0.9, 0.005]], np.float32)
    drawn_in = np.array([[60, -90, 0]])
    variables = RoundingVariables(drawn_in, grid, exact)
    assert np.array_equal(variables.codes(), drawn_in)


@pytest.mark.parametrize("moved", [False, True])
def test_the_regulariser_alone_ends_on_whole_codes(moved):
    grid = grid_of(4, 0, 6)
    exact = RNG.normal(0, 0.3, (6, 4, 1, 1)).astype(np.float32)
    variables = RoundingVariables(quantize(exact, grid), grid, None if moved else exact)
    before = variables.codes()
    with torch.no_grad():
        variables.variable += torch.from_numpy(RNG.normal(0, 0.05, before.shape).astype(np.float32))
    adam = torch.optim.Adam(variables.parameters(), lr=0.05)
    for _ in range(200):
        adam.zero_grad()
        variables.between(2.0).backward()
        adam.step()
    assert variables.settled() and (variables.codes() == before).mean() > 0.9


def test_the_exponent_falls_after_the_warm_up():
    assert beta_at(0.1, 0.2) is None
    found = [beta_at(share, 0.2) for share in (0.2, 0.6, 1.0)]
    assert found == pytest.approx([8.0, 5.0, 2.0])
    assert beta_at(0.999, 1.0) is None
