"""Winograd's integer form is left to the layers whose sums it holds, and the others are right without it."""

from __future__ import annotations

import given_codes
import numpy as np
import pytest

pytest.importorskip("ncnn", reason="the extra ncnn is not installed")

from seen import codes_of

from detquant.graph import prepare
from detquant.targets import Artefact, load_target
from detquant.targets.ncnn.winograd import WINOGRAD, mask_of

TARGET = load_target("ncnn")
SIDE = 16


def worst(build, channels):
    """A convolution whose largest sums are as large as they can be, and an image that reaches them."""
    rows = [("Relu", ["x"], ["r"], {}), ("Conv", ["r", "w"], ["y"], {"pads": [1, 1, 1, 1]})]
    weight, shape = np.ones((16, channels, 3, 3), np.float32), [1, channels, SIDE, SIDE]
    model = prepare(build(rows, {"x": shape}, {"y": None}, {"w": weight}))
    feed = {"x": np.ones(shape, np.float32)}
    return TARGET.lower(given_codes.quantised(model, [feed], TARGET.capability).qdq()), feed


def masks(artefact):
    [line] = [row for row in artefact.files["model.param"].decode().splitlines() if row.startswith("Convolution ")]
    return int(line.split("31=")[1])


@pytest.mark.parametrize(("channels", "fits"), [(16, True), (64, False), (256, False)])
def test_the_largest_sums_are_right(build, channels, fits):
    artefact, feed = worst(build, channels)
    assert (masks(artefact) & WINOGRAD == 0) is fits
    found = TARGET.open(artefact).run(feed)["y"]
    assert found[0, :, 1:-1, 1:-1] == pytest.approx(9 * channels, rel=1e-4)
    assert codes_of(feed["x"], 1 / 127).max() == 127


def test_without_its_mask_a_layer_overflows(build):
    """Why there is a mask; where this fails, ncnn has learnt to hold such sums, and it can go."""
    artefact, feed = worst(build, 64)
    text = artefact.files["model.param"].decode().replace(f"31={masks(artefact)}", f"31={masks(artefact) & ~WINOGRAD}")
    unmasked = Artefact({**artefact.files, "model.param": text.encode()})
    found = TARGET.open(unmasked).run(feed)["y"]
    assert np.abs(found[0, :, 1:-1, 1:-1] - 9 * 64).max() > 64


@pytest.mark.parametrize(
    ("shape", "code", "mask"),
    [
        ((1, 25, 3, 3), 127, 0),  # 127 * 127 * 225 = 3,629,025
        ((1, 26, 3, 3), 127, WINOGRAD),  # 3,774,186, and 2 ** 31 / 576 is 3,728,270
        ((1, 26, 3, 3), -127, WINOGRAD),
        ((1, 26, 3, 3), 120, 0),
        ((1, 4096, 1, 1), 127, 0),  # which Winograd is not for
    ],
)
def test_where_the_limit_is(shape, code, mask):
    assert mask_of(np.full(shape, code, np.int8)) == mask
