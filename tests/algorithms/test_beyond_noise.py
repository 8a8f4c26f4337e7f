"""Ratios of times that are made up: what is clear is told soon, and what is not falls to one side."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.algorithms.beyond_noise import FEW, SOME, Timing, processor_clock, time_until_clear


def machine(ratio, noise, seed=0, slow=0.0):
    """turns(count): a candidate of this ratio; the machine slows both by up to ``slow``, noise takes each alone."""
    rng = np.random.default_rng(seed)

    def turns(count):
        both = 1 + slow * rng.integers(0, 2, count)
        one, other = np.exp(rng.normal(0, noise, (2, count)))
        return {"reference": list(both * one), "candidate": list(ratio * both * other)}

    return turns


def looked(turns, bar=0.95, most=60):
    return time_until_clear(turns, lambda _: bar, lambda _: most)


def test_what_is_clear_needs_few_turns():
    assert looked(machine(1.1, 0.01)).turns == FEW
    assert looked(machine(0.5, 0.01)).turns == SOME
    assert looked(machine(0.95, 0.01)).turns == 60


def test_a_machine_that_slows_both_changes_nothing():
    low, ratio, high = looked(machine(0.5, 0.01, slow=2.0)).interval()
    assert 0.45 < low < ratio < high < 0.55


def test_turns_that_were_disturbed_do_not_count():
    taken = {"reference": [1.0] * 20, "candidate": [0.5] * 17 + [50.0] * 3}
    timing = Timing()
    timing.add(taken)
    assert timing.interval()[1] == pytest.approx(0.5) and timing.interval()[2] < 0.51


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_at_the_bar_it_is_not_below_it(noise):
    faster = [looked(machine(0.95, noise, seed)).interval()[2] < 0.95 for seed in range(200)]
    assert sum(faster) <= 6


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 0), (0.75, 50)])
def test_equal_runs_agree_though_the_machine_is_busy(ratio, expected):
    faster = [looked(machine(ratio, 0.1, seed, slow=2.0)).interval()[2] < 0.95 for seed in range(50)]
    assert abs(sum(faster) - expected) <= 1


def test_turns_that_agree_by_chance_are_not_believed_to_the_last_digit():
    timing = Timing()
    timing.add({"reference": [1.0] * FEW, "candidate": [1.0] * FEW})
    low, ratio, high = timing.interval()
    assert low < 0.99 < ratio < 1.01 < high


def test_a_clock_that_stands_still_is_no_fault():
    timing = Timing()
    timing.add({"reference": [0.0] * FEW, "candidate": [0.0] * FEW})
    assert timing.interval()[1] == 1


def test_waiting_is_not_counted():
    import time

    clock = processor_clock()
    before = clock()
    time.sleep(0.05)
    assert clock() - before < (0.04 if clock is time.process_time else 10)
