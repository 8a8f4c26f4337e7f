from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra search is not installed")

from detquant.algorithms.lapq.joint import FINE, REACH, JointSearch
from detquant.algorithms.lapq.steps import Steps
from detquant.numerics import QType, QuantSpec, grid_from_range

GRID = grid_from_range(-1, 3, QuantSpec(qtype=QType(4, False), symmetric=False))
START = Steps(params={"a": GRID, "b": GRID, "kept": GRID}, scales={"w": np.array([0.1, 0.4], np.float32)})
WANTED = {"a": 0.4, "b": -0.3, "w": 0.2}
"""Logarithms of the factors to be found."""


def factors(steps):
    found = {name: float(np.log2(steps.params[name].scale / GRID.scale)) for name in ("a", "b")}
    return found | {"w": float(np.log2(steps.scales["w"] / START.scales["w"]).mean())}


def coupled(steps):
    off = {name: value - WANTED[name] for name, value in factors(steps).items()}
    return sum(v * v for v in off.values()) + 1.5 * off["a"] * off["b"]


def search(cost, evaluations=400):
    told = []
    made = JointSearch(cost, START, ["a", "b"], ["w"], evaluations, told.append)
    return made, made.run(), told


def test_steps_that_depend_on_each_other_are_found():
    made, found, _ = search(coupled)
    for name, value in factors(found).items():
        assert value == pytest.approx(WANTED[name], abs=2 * FINE)
    assert made.least == coupled(found) < 0.05 * coupled(START)
    assert found.params["kept"] is GRID and found.scales["w"].shape == (2,)
    assert found.params["a"].zero_point == GRID.zero_point


def test_the_best_that_was_seen_counts_when_it_is_cut_off():
    seen = []

    def cost(steps):
        seen.append(coupled(steps))
        return seen[-1]

    made, found, told = search(cost, evaluations=7)
    assert len(seen) == made.made == 7 and told == [1, 2, 3, 4, 5, 6, 7]
    assert coupled(found) == min(seen)


def test_steps_stay_within_reach():
    _, found, _ = search(lambda steps: -float(steps.params["a"].scale))
    assert factors(found)["a"] <= REACH + 1e-6


def test_nothing_is_changed_in_the_start():
    before = replace(START, params=dict(START.params))
    search(coupled, evaluations=20)
    assert START.params == before.params and np.array_equal(START.scales["w"], np.array([0.1, 0.4], np.float32))
