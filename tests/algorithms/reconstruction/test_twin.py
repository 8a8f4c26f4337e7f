"""One graph computes both nets, tensor by tensor, as ONNX Runtime does, and ends at the last layers in codes."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.running import OrtRunner, with_taps

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.reconstruction.twin import compute, twin_of

pytestmark = pytest.mark.usefixtures("one_thread")


def computed(twin, feed, functions):
    with torch.no_grad():
        given = {node: torch.from_numpy(feed[name]) for name, node in twin.inputs.items()}
        return compute(twin.nodes, given, functions)


@pytest.mark.parametrize("target", ["pytorch", "ort", "tflite"])
def test_both_nets_are_computed_as_the_runtime_does(small_net, narrow, images, target):
    feeds = images(8)
    qm, _ = narrow(small_net, feeds, 4, 8, target)
    twin = twin_of(qm, "x")
    exact = computed(twin, feeds[0], twin.exact)
    names = {node: twin.names[node] for node in twin.nodes if node in twin.kinds}
    expected = OrtRunner(with_taps(qm.reference, names.values())).run(feeds[0])
    for node, name in names.items():
        assert np.allclose(exact[node].numpy(), expected[name], atol=1e-5), name
    rounded, grids = computed(twin, feeds[0], twin.rounded), qm.activations
    for node, tensor in twin.grids.items():
        codes = rounded[node].numpy() / grids[tensor].scale
        assert np.allclose(codes, np.rint(codes), atol=1e-3)
        assert torch.equal(exact[node], exact[twin.source(node)])
        apart = np.abs(rounded[node].numpy() - exact[node].numpy()).mean() / np.abs(exact[node].numpy()).mean()
        assert 0 < apart < 0.2


def test_every_layer_and_grid_before_the_last_layers_is_named(small_net, narrow, images):
    qm, _ = narrow(small_net, images(8))
    twin = twin_of(qm, "x")
    assert set(twin.layers) == set(qm.weights) == {"first", "second", "third", "head"}
    assert set(twin.grids.values()) == set(qm.activations) - {"logits"}
    assert "tail_sigmoid" not in {twin.names[node] for node in twin.nodes}


def test_a_tensor_that_is_given_out_in_codes_keeps_its_name(build, narrow):
    """A QDQ graph gives such a tensor's name to what comes behind the codes."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.3, (4, 4, 1, 1)).astype(np.float32) for name in ("u", "v")}
    rows = [
        ("Conv", ["x", "u"], ["mid"], {"name": "one"}),
        ("Conv", ["mid", "v"], ["y"], {"name": "two"}),
    ]
    model = prepare(build(rows, {"x": [1, 4, 8, 8]}, {"mid": None, "y": None}, weights))
    qm, _ = narrow(model, [{"x": rng.random((1, 4, 8, 8), np.float32)} for _ in range(4)])
    twin = twin_of(qm, "x")
    assert set(twin.grids.values()) == {"x", "mid"} and list(twin.layers) == ["one", "two"]
