"""Time as a budget: only where widths change it."""

from __future__ import annotations

import pytest

from detquant.errors import OptionError
from detquant.search import latency as module
from detquant.search.latency import layer_latency

WIDTHS = {"a": (2, 4, 8), "b": (4, 8), "c": (8,)}
TAKES = {"a": 1.0, "b": 0.25, "c": 3.0}
"""Milliseconds that a layer takes a bit."""


@pytest.fixture
def timed(monkeypatch):
    """timed(a_bit): opens models, whose time is what their widths say."""

    def start(a_bit=1.0):
        monkeypatch.setattr(
            module,
            "_alternate",
            lambda reference, candidate, feed, turns: {
                "reference": [reference] * turns,
                "candidate": [candidate] * turns,
            },
        )
        return lambda widths: 5 + a_bit * sum(TAKES[name] * bits for name, bits in widths.items())

    return start


def test_each_layer_is_timed_at_each_width_where_widths_change_the_time(timed):
    steps = []
    found = layer_latency("slow", timed(), WIDTHS, {}, progress=lambda *step: steps.append(step))
    assert found[""] == {0: 5 + 8 * (1 + 0.25 + 3)}
    assert found["a"] == {2: -6.0, 4: -4.0, 8: 0.0} and found["b"] == {4: -1.0, 8: 0.0} and found["c"] == {8: 0.0}
    assert steps[-1] == ("timing layers", 3, 3)


def test_where_they_do_not_it_is_refused_with_both_times(timed):
    with pytest.raises(OptionError, match=r"On even widths do not change .*: 5\.00 ms .*, 5\.00 ms .*runs in turn"):
        layer_latency("even", timed(0.0), WIDTHS, {})


def test_real_clocks_are_asked_in_turn():
    class Runner:
        def __init__(self, steps):
            self.steps = steps

        def run(self, feed):
            return {"y": sum(range(self.steps))}

    found = layer_latency("real", lambda widths: Runner(3000 * sum(widths.values())), {"a": (2, 8), "b": (8,)}, {})
    assert found["a"][2] < 0 and found[""][0] > 0
