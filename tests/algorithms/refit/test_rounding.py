"""Rounding with compensation beside nearest rounding and beside all codes that there are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms.refit.rounding import Rounding
from detquant.numerics.powers_of_two import are_powers


def problem(groups, outputs, inputs, *, bits=4, correlated=0.8, seed=0, **more):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(groups, inputs, inputs)) * correlated + np.eye(inputs)
    hessian = (mixed @ mixed.swapaxes(1, 2) / inputs + 1e-3 * np.eye(inputs)).astype(np.float32)
    channels = groups * outputs
    return Rounding(
        wished=rng.normal(size=(groups, outputs, inputs)).astype(np.float32),
        hessian=hessian,
        channel=np.arange(channels).reshape(groups, outputs),
        qmin=-(1 << (bits - 1)) + 1,
        qmax=(1 << (bits - 1)) - 1,
        floor=np.zeros(channels, np.float32),
        **more,
    )


def nearest(rounding, scale):
    steps = rounding.steps_of(scale)
    return np.clip(np.rint(rounding.wished / steps), rounding.qmin, rounding.qmax)


def total(rounding, codes, scale):
    return float(rounding.error(codes * rounding.steps_of(scale)).sum())


@pytest.mark.parametrize(("groups", "outputs", "inputs"), [(1, 16, 200), (6, 1, 9), (2, 5, 70)])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_error_is_less_than_nearest(groups, outputs, inputs, bits):
    rounding = problem(groups, outputs, inputs, bits=bits)
    scale = rounding.first_steps()
    codes, steps = rounding.codes(scale)
    assert total(rounding, codes, steps) < 0.9 * total(rounding, nearest(rounding, scale), scale)
    assert codes.min() >= rounding.qmin
    assert codes.max() <= rounding.qmax
    np.testing.assert_array_equal(codes, np.rint(codes))


@pytest.mark.parametrize("shared", [False, True])
def test_steps_that_are_powers_of_two_are_the_best_of_those_tried(shared):
    rounding = problem(2, 5, 40, bits=4, power_of_two=True)
    if shared:
        rounding = replace(rounding, channel=np.zeros_like(rounding.channel), floor=np.zeros(1, np.float32))
    codes, steps = rounding.solved()
    assert are_powers(steps).all() and len(steps) == (1 if shared else 10)
    found = rounding.error(codes * rounding.steps_of(steps))
    for octave in (0.5, 2.0):
        scale = steps * np.float32(octave)
        other = rounding.error(rounding.codes(scale, rounds=0)[0] * rounding.steps_of(scale))
        assert (found.sum() <= other.sum()) if shared else (found <= other).all()
    floored = replace(rounding, floor=4 * steps)
    assert (floored.solved()[1] == 4 * steps).all()


def test_descent_ends_where_no_single_code_can_do_better():
    rounding = problem(1, 3, 12, bits=3)
    scale = rounding.first_steps()
    codes = rounding.descended(rounding.carried(scale), scale, 50)
    least = rounding.error(codes * rounding.steps_of(scale))
    for column, step in itertools.product(range(12), (-1, 1)):
        moved = codes.copy()
        moved[..., column] = np.clip(moved[..., column] + step, rounding.qmin, rounding.qmax)
        assert (rounding.error(moved * rounding.steps_of(scale)) >= least - 1e-5).all()


def test_near_the_best_of_all_codes():
    rounding = problem(1, 20, 6, bits=2, correlated=0.4)
    scale = rounding.first_steps()
    steps = rounding.steps_of(scale)
    best = np.full((1, 20), np.inf)
    for code in itertools.product((-1, 0, 1), repeat=6):
        best = np.minimum(best, rounding.error(np.broadcast_to(np.float32(code), (1, 20, 6)) * steps))
    found = rounding.error(rounding.descended(rounding.carried(scale), scale, 20) * steps)
    assert found.sum() <= 1.1 * best.sum()


def test_steps_solved_anew_are_the_best_for_their_codes():
    rounding = problem(2, 4, 30)
    scale = rounding.first_steps()
    codes = nearest(rounding, scale)
    solved = rounding.solved_steps(codes, scale)
    for factor in (0.97, 1.03):
        assert total(rounding, codes, solved) <= total(rounding, codes, (solved * factor).astype(np.float32))


def test_steps_shared_by_all_channels():
    rounding = problem(1, 8, 40)
    shared = Rounding(
        wished=rounding.wished,
        hessian=rounding.hessian,
        channel=np.zeros((1, 8), np.int64),
        qmin=-7,
        qmax=7,
        floor=np.zeros(1, np.float32),
    )
    codes, steps = shared.codes(shared.first_steps())
    assert steps.shape == (1,)
    assert total(shared, codes, steps) < total(shared, nearest(shared, shared.first_steps()), shared.first_steps())


def test_no_step_is_below_the_floor():
    rounding = problem(1, 8, 40)
    high = Rounding(
        wished=rounding.wished * np.float32(1e-6),
        hessian=rounding.hessian,
        channel=rounding.channel,
        qmin=-7,
        qmax=7,
        floor=np.full(8, 0.5, np.float32),
    )
    codes, steps = high.codes(high.first_steps())
    assert (steps >= 0.5).all()
    assert not codes.any()


def test_limits_are_kept_and_others_make_good_what_they_take():
    """Neighbours of equal sign may not add up to more than 100, say."""

    def limit(codes):
        a, b = codes[..., 0::2], codes[..., 1::2]
        over = (np.abs(a) + np.abs(b) > 100) & (a * b > 0)
        kept = codes.copy()
        kept[..., 0::2], kept[..., 1::2] = np.where(over, np.trunc(a / 3), a), np.where(over, np.trunc(b / 3), b)
        return kept

    rounding = problem(1, 16, 40, bits=8, limit=limit)
    codes, steps = rounding.codes(rounding.first_steps())
    np.testing.assert_array_equal(limit(codes), codes)
    free = problem(1, 16, 40, bits=8)
    plain = limit(nearest(free, free.first_steps()))
    assert total(rounding, codes, steps) < total(free, plain, free.first_steps())


def test_a_few_enormous_inputs_do_not_end_it():
    """What single precision cuts off of the large ones is more than the others have."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 2000)) * np.where(np.arange(60) < 2, 1e5, 1.0)[:, None]
    x[:30] += x[0]
    hessian = (x @ x.T / 2000).astype(np.float32)[None]
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(np.linalg.inv(hessian.astype(np.float64)))
    rounding = replace(problem(1, 4, 60), hessian=hessian)
    codes, scale = rounding.codes(rounding.first_steps())
    assert np.isfinite(scale).all() and (scale > 0).all()
    assert ((codes >= rounding.qmin) & (codes <= rounding.qmax) & (codes == np.rint(codes))).all()
    plain = rounding.first_steps()
    assert total(rounding, codes, scale) <= total(rounding, nearest(rounding, plain), plain)


BOOK = np.array([-6, -3, -1, 0, 1, 2, 5], np.int64)


@pytest.mark.parametrize("book", [None, BOOK])
@pytest.mark.parametrize("share", [0.5, None])
def test_masks_and_codebooks_are_kept_and_the_rest_makes_good_what_they_cost(book, share):
    mask = None if share is None else np.random.default_rng(3).random((1, 8, 60)) < share
    rounding = problem(1, 8, 60, mask=mask, book=book)
    scale = rounding.first_steps()
    codes, steps = rounding.codes(scale)
    if mask is not None:
        assert not codes[~mask].any()
    assert np.isin(codes, np.arange(-7, 8) if book is None else book).all()
    plain = rounding.limited(rounding.nearest(rounding.wished / rounding.steps_of(scale)))
    assert total(rounding, codes, steps) < 0.9 * total(rounding, plain, scale)
