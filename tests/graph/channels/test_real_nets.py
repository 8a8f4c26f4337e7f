"""Networks as people train them: half of their channels out, outputs of the same shapes and numbers as with zeros."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.embedded import embedded_model
from detquant.graph import prepare
from detquant.graph.channels import trace, without_channels
from detquant.graph.running import OrtRunner
from detquant.graph.values import static_shape
from detquant.importers import load_model

NETS = {
    "yolov8-pico": 2128,
    "resnet-pico": 448,
    "nanodet_m_320.onnx": 3190,
    "../more/version-RFB-320_simplified.onnx": 1716,
    "yolov8n.onnx": 4960,
    "yolox_nano.onnx": 5472,
    "yolo-fastest-1.1.cfg": 3204,
    "../more/yolo-fastestv2.onnx": 1800,
    "../more/person-detection-0200.xml": 7880,
    "../classify/resnet20_cifar10.th": 352,
}
"""How many channels may go, tied ones counted once."""
QUICK = ("yolov8-pico", "resnet-pico", "nanodet_m_320.onnx", "../more/version-RFB-320_simplified.onnx")
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETS]


@pytest.mark.parametrize("name", CASES)
def test_half_of_the_channels_out(name, weights, unread):
    if name.endswith((".cfg", ".th")):
        pytest.importorskip("torch")
    path = embedded_model(name) if name.endswith("-pico") else weights(name)
    model = prepare(load_model(path).model, own_ends=False)
    channels = trace(model.graph)
    every = np.unique(channels.roots(np.arange(len(channels.atoms))))
    free = every[channels.removable(every)]
    assert len(free) == NETS[name]
    gone = half_of(channels, free)
    small = without_channels(model, channels, gone)
    rng = np.random.default_rng(0)
    feeds = {value.name: rng.random(static_shape(value)).astype(np.float32) for value in model.graph.inputs}
    expected, found = OrtRunner(unread(model, channels, gone)).run(feeds), OrtRunner(small).run(feeds)
    for output, array in expected.items():
        assert found[output].shape == array.shape
        np.testing.assert_allclose(found[output], array, atol=1e-5 * (1 + np.abs(array).max()))


def half_of(channels, free):
    """Half of the channels of each set of layers that make and read the same ones."""
    of = dict[int, list[str]]()
    for layer in channels.layers.values():
        for root in {*channels.roots(layer.makes).tolist(), *channels.roots(layer.reads).reshape(-1).tolist()}:
            of.setdefault(root, []).append(layer.name)
    sets = dict[tuple[str, ...], list[int]]()
    for root in free.tolist():
        sets.setdefault(tuple(of[root]), []).append(root)
    rng = np.random.default_rng(0)
    return [root for roots in sets.values() for root in rng.choice(roots, len(roots) // 2, replace=False).tolist()]
