"""How long models take, side by side in one process.

Clocks drift with heat and with what else the machine does, so two models that are timed one after the other
are not compared fairly. Here they take turns, another one first in each round, and medians are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from detquant.targets._base import Arrays, Runner, fitted

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The time one run takes, in milliseconds.

    Attributes:
        median_ms: half of the runs were faster.
        p10_ms: one run in ten was faster.
        p90_ms: nine runs in ten were faster.
        runs: how many were timed.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """The latency that the times of single runs make, given in seconds; at least one."""
        low, middle, high = np.percentile(np.asarray(seconds) * 1e3, [10, 50, 90]).tolist()
        return cls(median_ms=middle, p10_ms=low, p90_ms=high, runs=len(seconds))


def compare_latency(runners: Mapping[str, Runner], feed: Arrays, runs: int = 20, warmup: int = 3) -> dict[str, Latency]:
    """Times models that take the same input.

    Args:
        runners: open models by name.
        feed: an array for each input.
        runs: timed runs of each.
        warmup: runs of each before, which are not timed.
    """
    calls = {name: partial(runner.run, fitted(runner, feed)) for name, runner in runners.items()}
    return time_alternately(calls, runs, warmup)


def time_alternately(calls: Mapping[str, Callable[[], object]], runs: int = 20, warmup: int = 3) -> dict[str, Latency]:
    """Times calls that take turns.

    Args:
        calls: functions to time, by name.
        runs: timed calls of each, at least 1.
        warmup: calls of each before, which are not timed.
    """
    return {name: Latency.of(times) for name, times in time_turns(calls, runs, warmup).items()}


def time_turns(
    calls: Mapping[str, Callable[[], object]], runs: int, warmup: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Times calls that take turns; gives the seconds of each call in each turn.

    Args:
        calls: functions to time, by name.
        runs: timed calls of each, at least 1.
        warmup: calls of each before, which are not timed.
        clock: tells seconds.
    """
    if runs < 1:
        raise ValueError(f"At least one run is needed, not {runs}.")
    for call in calls.values():
        for _ in range(warmup):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(runs):
        for name in in_turn(list(calls), turn):
            seconds[name].append(stopwatch(calls[name], clock)[1])
    return seconds


def in_turn(names: Sequence[str], turn: int) -> list[str]:
    """Goes through the names, each `turn` beginning with the next one: whoever runs first has the colder cache."""
    start = turn % len(names) if names else 0
    return [*names[start:], *names[:start]]


def stopwatch(call: Callable[[], T], clock: Callable[[], float] = time.perf_counter) -> tuple[T, float]:
    """Runs a call; gives its result and the seconds that it took."""
    start = clock()
    result = call()
    return result, clock() - start


def ratio(one: Latency, reference: Latency) -> float:
    """How much longer `one` takes than the reference: 0.5 is twice as fast."""
    return one.median_ms / reference.median_ms
