from __future__ import annotations

import numpy as np
import pytest

from detquant.graph.open_grids import grid_feeds, with_open_grids
from detquant.graph.running import OrtRunner
from detquant.numerics import QType, QuantSpec, fake_quantize, grid_from_range

KEYS = {"x": "image", "relu": "inside", "pool": "inside"}


def grid(low, high, bits=4, signed=False):
    return grid_from_range(low, high, QuantSpec(qtype=QType(bits, signed), symmetric=signed))


@pytest.fixture
def opened(small_net):
    return OrtRunner(with_open_grids(small_net, KEYS, {"image": QType(8, False), "inside": QType(4, False)}))


@pytest.fixture
def image(images):
    return images(1)[0]


def test_all_off_is_the_float_model(small_net, opened, image):
    grids = {"image": grid(0, 1, 8), "inside": grid(0, 2)}
    found = opened.run(image | grid_feeds(grids, on=False))["scores"]
    np.testing.assert_allclose(found, OrtRunner(small_net).run(image)["scores"], atol=1e-6)


@pytest.mark.parametrize("high", [0.3, 1.0, 4.0])
def test_one_session_has_any_range(small_net, opened, image, high):
    feeds = grid_feeds({"image": grid(0, high, 8)}) | grid_feeds({"inside": grid(0, 2)}, on=False)
    rounded = {"x": fake_quantize(image["x"], grid(0, high, 8))}
    expected = OrtRunner(small_net).run(rounded)["scores"]
    np.testing.assert_allclose(opened.run(image | feeds)["scores"], expected, atol=1e-6)


@pytest.mark.parametrize("qtype", [QType(b, s) for b in (2, 4, 7, 8, 16) for s in (True, False)], ids=str)
def test_narrow_codes_saturate_at_their_own_ends(build, qtype):
    model = build([("Identity", ["x"], ["y"], {})], {"x": [1, 64]}, {"y": [1, 64]})
    x = np.linspace(-9, 9, 64, dtype=np.float32)[None]
    one = grid_from_range(-3.0, 5.0, QuantSpec(qtype=qtype, symmetric=qtype.signed))
    runner = OrtRunner(with_open_grids(model, {"y": "y"}, {"y": qtype}))
    np.testing.assert_array_equal(runner.run({"x": x} | grid_feeds({"y": one}))["y"], fake_quantize(x, one))


def test_names_of_outputs_stay_and_the_model_is_not_changed(small_net):
    opened = with_open_grids(small_net, {"scores": "scores"}, {"scores": QType(8, False)})
    assert [v.name for v in opened.graph.outputs] == ["scores"] == [v.name for v in small_net.graph.outputs]
    assert [v.name for v in small_net.graph.inputs] == ["x"]
