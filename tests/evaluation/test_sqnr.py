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


def test_what_kernels_of_this_processor_saturate_is_no_noise_of_the_model(build):
    """The largest codes throughout: without VNNI two products of them overflow the 16 bits that kernels add them in."""
    weight, zero = np.ones((4, 8, 3, 3), np.float32), np.array(0, np.uint8)
    fine, coarse = np.array(1 / 255, np.float32), np.array(72 / 255, np.float32)
    conv = {"pads": [0, 0, 0, 0]}
    quantized = [
        ("QuantizeLinear", ["x", "fine", "zero"], ["q"], {}),
        ("DequantizeLinear", ["q", "fine", "zero"], ["dx"], {}),
        ("DequantizeLinear", ["codes", "step"], ["w"], {}),
        ("Conv", ["dx", "w"], ["c"], conv),
        ("QuantizeLinear", ["c", "coarse", "zero"], ["qc"], {}),
        ("DequantizeLinear", ["qc", "coarse", "zero"], ["y"], {}),
    ]
    codes = np.full(weight.shape, 127, np.int8)
    known = {"fine": fine, "coarse": coarse, "zero": zero, "codes": codes, "step": np.array(1 / 127, np.float32)}
    shapes, ends = {"x": [1, 8, 6, 6]}, {"y": [1, 4, 4, 4]}
    clean = build([("Conv", ["x", "w"], ["y"], conv)], shapes, ends, {"w": weight})
    feed = {"x": np.ones((1, 8, 6, 6), np.float32)}
    assert sqnr_by_tensor(clean, build(quantized, shapes, ends, known), {"y": "y"}, [feed])["y"] > 60
