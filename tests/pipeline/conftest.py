from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """Integers are found faster than float, and at once; test_decisions.py has a run with the real clock."""
    monkeypatch.setattr("detquant.algorithms.placement.alternate", answering(2.0))


def answering(ratio):
    def alternate(sides, feed, turns):
        return {"reference": [1.0] * turns, "candidate": [ratio] * turns}

    return alternate


@pytest.fixture
def clock(monkeypatch):
    """clock(ratio): placement finds every candidate so fast; gives the list of its looks."""
    asked = []

    def start(ratio):
        answer = answering(ratio)

        def alternate(sides, feed, turns):
            asked.append(turns)
            return answer(sides, feed, turns)

        monkeypatch.setattr("detquant.algorithms.placement.alternate", alternate)
        asked.clear()
        return asked

    return start
