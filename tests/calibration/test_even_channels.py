from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.calibration.even_channels import with_even_channels
from detquant.graph import prepare
from detquant.graph.running import OrtRunner

RNG = np.random.default_rng(8)


@pytest.fixture
def net(build):
    """net(size): Conv, SiLU whose third channel is so many times as large as the others, Conv."""

    def make(size):
        large = np.ones((8, 1, 1, 1), np.float32)
        large[2] = size
        weights = {
            "w": np.abs(RNG.standard_normal((8, 3, 1, 1))).astype(np.float32) * large,
            "v": RNG.standard_normal((4, 8, 1, 1)).astype(np.float32),
        }
        rows = [
            ("Conv", ["x", "w"], ["c"], {"name": "first"}),
            ("Sigmoid", ["c"], ["g"], {"name": "gate"}),
            ("Mul", ["c", "g"], ["s"], {"name": "silu"}),
            ("Conv", ["s", "v"], ["y"], {"name": "second"}),
        ]
        return prepare(build(rows, {"x": [1, 3, 16, 16]}, {"y": None}, weights))

    return make


def test_what_images_show_to_be_uneven_is_rewritten(net, images):
    model, feeds = net(60.0), images(3)
    found, count = with_even_channels(model, feeds)
    assert count == 1 and len(found.graph) == len(model.graph) + 2
    onnx.checker.check_model(ir.to_proto(found), full_check=True)
    before, after = (OrtRunner(one).run(feeds[0])["y"] for one in (model, found))
    assert np.abs(before - after).max() < 1e-3 * np.abs(before).max()


def test_an_even_model_is_the_model_itself(net, images):
    model = net(1.0)
    assert with_even_channels(model, images(3)) == (model, 0)
