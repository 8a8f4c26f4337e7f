from __future__ import annotations

from detquant.algorithms import Measurements


def test_what_was_remembered_is_recalled():
    known = {"placement": {"kept_float": {}}}
    measurements = Measurements(known)
    assert measurements.recall("placement") == {"kept_float": {}} and measurements.recall("search") is None
    measurements.remember("search", [1.5])
    assert measurements.all() == {"placement": {"kept_float": {}}, "search": [1.5]} and "search" not in known


def test_nobody_changes_it_in_passing():
    decision = {"kept_float": {"a": "why"}}
    measurements = Measurements({"placement": decision})
    measurements.recall("placement")["kept_float"].clear()
    measurements.all()["placement"]["kept_float"].clear()
    decision["kept_float"].clear()
    assert measurements.recall("placement") == {"kept_float": {"a": "why"}}
