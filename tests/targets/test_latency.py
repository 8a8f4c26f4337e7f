from __future__ import annotations

import time

import numpy as np
import pytest

from detquant.targets.latency import Latency, compare_latency, in_turn, ratio, time_alternately


class Recorder:
    def __init__(self, name, log, seconds=0.0):
        self.name, self.log, self.seconds = name, log, seconds

    def run(self, feeds):
        self.log.append((self.name, *feeds))
        time.sleep(self.seconds)
        return feeds


def test_the_sides_take_turns_and_another_one_is_first_each_time():
    log = []
    runners = {name: Recorder(name, log) for name in "ab"}
    found = compare_latency(runners, {"x": np.zeros(1)}, runs=3, warmup=1)
    assert "".join(name for name, _ in log) == "ab" + "ab" + "ba" + "ab"
    assert {feed for _, feed in log} == {"x"}
    assert list(found) == ["a", "b"] and found["a"].runs == 3


def test_the_slower_one_is_seen():
    runners = {"fast": Recorder("f", [], 0.001), "slow": Recorder("s", [], 0.004)}
    found = compare_latency(runners, {}, runs=5, warmup=0)
    assert ratio(found["slow"], found["fast"]) > 1.5
    assert found["slow"].median_ms >= 4


def test_median_and_percentiles_are_milliseconds():
    latency = Latency.of([0.001 * n for n in range(1, 12)])
    assert (latency.p10_ms, latency.median_ms, latency.p90_ms, latency.runs) == (
        pytest.approx(2),
        pytest.approx(6),
        pytest.approx(10),
        11,
    )


def test_ratio_below_one_is_faster():
    assert ratio(Latency.of([0.01]), Latency.of([0.02])) == pytest.approx(0.5)


def test_no_runs_make_no_sense():
    with pytest.raises(ValueError, match="At least one run"):
        time_alternately({"a": list}, runs=0)


def test_turns_of_three():
    assert [in_turn("abc", turn) for turn in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]
