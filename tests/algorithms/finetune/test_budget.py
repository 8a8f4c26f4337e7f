"""Budgets by steps and by the clock, and the rates along them."""

from __future__ import annotations

import pytest

from detquant.algorithms.finetune import budget
from detquant.algorithms.finetune.budget import Budget, learning_rate, seconds_of
from detquant.errors import RecipeError


@pytest.mark.parametrize(("said", "seconds"), [(20, 1200), (0.5, 30), ("20m", 1200), ("90s", 90), ("1.5h", 5400)])
def test_minutes_are_numbers_or_texts(said, seconds):
    assert seconds_of(said) == seconds


@pytest.mark.parametrize("said", ["20", "m", "-3m", "0m", "20 minutes", "1e3s", float("inf")])
def test_what_is_no_time_is_refused(said):
    with pytest.raises(RecipeError, match=r"minutes = .*expected a number of minutes"):
        seconds_of(said)


def test_a_share_is_of_steps_or_of_the_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    by_steps, by_clock = Budget(8, None), Budget(None, 60.0)
    by_steps.done, now[0] = 2, 130.0
    assert (by_steps.share(), by_clock.share()) == (0.25, 0.5)
    by_clock.goes_on_from(7, 45.0)
    now[0] = 139.0
    assert by_clock.share() == pytest.approx(0.9)
    now[0] = 1e6
    assert by_clock.share() == 1.0


def test_rates_rise_then_fall_to_nothing():
    rates = [learning_rate(k / 100, 0.1) for k in range(101)]
    assert 0 < rates[0] < 0.2 and max(rates) == pytest.approx(1.0) and rates[100] == pytest.approx(0.0)
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate(0.0, 0.0) == 1.0
