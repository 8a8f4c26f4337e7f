"""A user's own loop between the steps and the file: what it moves comes back, on the grids that were there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.algorithms import take_steps
from detquant.algorithms.own_training import OwnTraining
from detquant.calibration import invariant_violation
from detquant.calibration.allowed_codes import AllowedCodes
from detquant.errors import CalibrationError, MissingExtra
from detquant.graph import OrtRunner
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import quantize
from detquant.targets import load_target

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

pytestmark = pytest.mark.usefixtures("one_thread")


def loop(steps, lr, kept):
    """Draws the outputs towards numbers that the network does not give; keeps the module and the losses."""

    def train(module):
        images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
        optimiser = torch.optim.Adam(module.parameters(), lr=lr)
        for _ in range(steps):
            loss = sum((output - 0.3).square().mean() for output in module(images))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            kept.append(float(loss.detach()))
        kept.append(module)

    return train


def codes_of(qm):
    layers = {node.name: node for node in qm.model.graph}
    return {name: quantize(constant(weight_of(layers[name])), grid) for name, grid in qm.weights.items()}


def test_a_loop_that_does_nothing_changes_nothing(small_net, images, calibrated):
    qm, context = calibrated(small_net, images(4))
    found = take_steps(qm, [OwnTraining(train=lambda module: None)], context)
    for target in ("ort", "tflite"):
        place = load_target(target)
        assert place.lower(found.qdq()).files == place.lower(qm.qdq()).files
    assert "moved 0 of" in found.notes[-1].sentence


@pytest.mark.parametrize("target", ["ort", "tflite"])
def test_what_was_trained_is_what_runs(small_net, images, calibrated, target):
    qm, context = calibrated(small_net, images(4), target=target)
    kept = []
    found = take_steps(qm, [OwnTraining(train=loop(8, 3e-3, kept))], context)
    *losses, module = kept
    assert losses[-1] < 0.9 * losses[0]
    assert any(not np.array_equal(a, b) for a, b in zip(codes_of(qm).values(), codes_of(found).values(), strict=True))
    assert found.params is qm.params and found.weights is qm.weights  # not calibrated again
    assert invariant_violation(found, context.target.capability) is None
    qdq, feed = found.qdq(), images(1)[0]
    with torch.inference_mode():
        trained = [value.numpy() for value in module.eval()(torch.from_numpy(feed["x"]))]
    in_onnx = OrtRunner(qdq, optimisation="basic").run(feed)
    there = context.target.open(context.target.lower(qdq)).run(feed)
    for value, expected in zip(qdq.graph.outputs, trained, strict=True):
        code = max(float(grid.scale) for grid in found.activations.values())
        for given in (in_onnx, there):
            assert np.abs(given[value.name] - expected).max() <= 1.01 * code


def test_masks_and_codebooks_are_kept(small_net, images, calibrated):
    qm, context = calibrated(small_net, images(4))
    name, codes = next(iter(codes_of(qm).items()))
    mask = np.arange(codes.size).reshape(codes.shape) % 2 == 0
    qm = OwnTraining(train=lambda module: None)(replace(qm, allowed={name: AllowedCodes(mask=mask)}), context)
    found = take_steps(qm, [OwnTraining(train=loop(3, 1e-2, []))], context)
    assert not codes_of(found)[name][~mask].any() and codes_of(found)[name][mask].any()


def spoilt(what):
    def train(module):
        with torch.no_grad():
            layer = next(one for one in module.modules() if getattr(one, "weight_fake_quant", None) is not None)
            match what:
                case "numbers":
                    layer.weight[0] = float("nan")
                case "grid":
                    layer.weight_fake_quant.scale *= 2
                case "shape":
                    layer.weight = torch.nn.Parameter(layer.weight[:, :1])
                case "bias":
                    layer.bias[0] = 1e12

    return train


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("numbers", "weight of the layer 'first' holds numbers that are not finite: lower the learning rate"),
        ("grid", "grids of a module are those of the file"),
        ("shape", r"weight of shape \[8, 1, 3, 3\], and it had \[8, 3, 3, 3\]"),
    ],
)
def test_what_a_loop_must_not_do(small_net, images, calibrated, what, said):
    qm, context = calibrated(small_net, images(4))
    with pytest.raises(CalibrationError, match=said):
        take_steps(qm, [OwnTraining(train=spoilt(what))], context)


def test_a_bias_beyond_32_bits_is_drawn_in_and_said(small_net, images, calibrated):
    qm, context = calibrated(small_net, images(4))
    found = take_steps(qm, [OwnTraining(train=spoilt("bias"))], context)
    assert "1 biases were drawn in" in found.notes[-1].sentence


def test_without_torch_the_extra_is_named(small_net, images, calibrated, monkeypatch):
    qm, context = calibrated(small_net, images(4))
    monkeypatch.setitem(__import__("sys").modules, "detquant.fake_quant.module", None)
    with pytest.raises(MissingExtra, match=r"detquant\[torch\]"):
        OwnTraining(train=lambda module: None)(qm, context)
