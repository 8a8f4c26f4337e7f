from __future__ import annotations

import numpy as np
import pytest

from detquant.evaluation import sqnr
from detquant.evaluation.sqnr import sqnr_by_tensor

SHAPE = (1, 2, 16, 16)


@pytest.fixture
def pair(build):
    """A net, and the same with noise of a known size: b' = b (1 + 0.01), and c' = c + 0.1."""

    def make(*more):
        rows = [("Relu", ["x"], ["a"], {}), ("Neg", ["a"], ["b"], {}), ("Mul", ["b", "one"], ["c"], {})]
        noise = [("Mul", ["b", "gain"], ["b'"], {}), ("Add", ["c", "shift"], ["c'"], {})]
        weights = {
            "one": np.ones(1, np.float32),
            "gain": np.array([1.01], np.float32),
            "shift": np.array([0.1], np.float32),
        }
        shapes = {"x": [*SHAPE]}
        return (
            build(rows, shapes, {"c": [*SHAPE]}, weights),
            build([*rows, *noise], shapes, {"b'": [*SHAPE], "c'": [*SHAPE]}, weights),
        )

    return make


@pytest.fixture
def feeds():
    rng = np.random.default_rng(0)
    return [{"x": rng.uniform(1, 2, SHAPE).astype(np.float32)} for _ in range(3)]


def test_known_noise_has_known_decibels(pair, feeds):
    found = sqnr_by_tensor(*pair(), {"c": "c'", "b": "b'", "a": "a"}, feeds)
    power = np.mean([feed["x"].astype(np.float64) ** 2 for feed in feeds])
    assert list(found) == ["c", "b", "a"]
    assert found["b"] == pytest.approx(40.0, abs=1e-3)
    assert found["c"] == pytest.approx(10 * np.log10(power / 0.01), abs=1e-3)
    assert found["a"] == 120.0


def test_many_tensors_are_looked_at_in_several_runs(pair, feeds, monkeypatch):
    names = {"c": "c'", "b": "b'", "a": "a"}
    whole = sqnr_by_tensor(*pair(), names, feeds)
    monkeypatch.setattr(sqnr, "AT_ONCE", 1)
    assert sqnr_by_tensor(*pair(), names, iter(feeds)) == whole


def test_no_tensors(pair, feeds):
    assert sqnr_by_tensor(*pair(), {}, feeds) == {}
