from __future__ import annotations

import pytest


@pytest.fixture
def clock(monkeypatch):
    """clock(ratio): placement finds every candidate so fast; gives the list of its looks."""
    asked = []

    def start(ratio):
        def alternate(sides, feed, turns):
            asked.append(turns)
            return {"reference": [1.0] * turns, "candidate": [ratio] * turns}

        monkeypatch.setattr("detquant.algorithms.placement.alternate", alternate)
        asked.clear()
        return asked

    return start
