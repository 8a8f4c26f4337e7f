from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import detquant
from detquant.cli import main
from detquant.errors import MissingExtra
from detquant.targets import load_target

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

pytestmark = pytest.mark.usefixtures("one_thread")
TARGET = load_target("pytorch")


@pytest.fixture(scope="module")
def kept():
    """The one result that many tests read, once it is made."""
    return []


@pytest.fixture
def quantised(kept, square_model, square_data):
    if not kept:
        kept.append(detquant.quantize(square_model, square_data(), target="pytorch", calib=4))
    return kept[0]


def test_it_is_scored_in_torch_and_no_clock_decides(quantised):
    report = quantised.report.figures()
    assert report["quantized"]["ap"] > 90 and not report["warnings"]
    assert any("nothing was timed" in note for note in report["notes"])
    assert "torch computes in float" in report["runtime"][0]


def test_the_program_opens_without_detquant_and_can_be_trained_on(quantised):
    program = torch.export.load(io.BytesIO(quantised.artefact.files["model.pt2"]))
    module = program.module()
    image = np.random.default_rng(0).random((1, 3, 96, 96), np.float32)
    [found] = module(torch.from_numpy(image))
    [opened] = TARGET.open(quantised.artefact).run({"images": image}).values()
    assert np.array_equal(found.detach().numpy(), opened)
    found.square().mean().backward()
    assert all(value.grad is not None for value in module.parameters())


def test_the_state_dict_holds_weights_on_their_grids(quantised):
    state = torch.load(io.BytesIO(quantised.artefact.files["state_dict.pth"]), weights_only=True)
    grids = [name.removesuffix("_fake_quant.scale") for name in state if name.endswith("weight_fake_quant.scale")]
    assert grids and any(name.endswith("activation_post_process.zero_point") for name in state)
    assert "quant.activation_post_process.scale" in state
    for name in grids:
        scale, zero_point = state[f"{name}_fake_quant.scale"], state[f"{name}_fake_quant.zero_point"]
        axis = state[name].shape.index(len(scale)) if scale.ndim else None
        shape = [-1 if k == axis else 1 for k in range(state[name].ndim)]
        codes = state[name] / scale.reshape(shape) + zero_point.reshape(shape)
        assert torch.allclose(codes, codes.round(), atol=1e-3) and codes.abs().max() <= 128


def test_the_same_twice(quantised):
    assert TARGET.lower(quantised.model.qdq()).files == TARGET.lower(quantised.model.qdq()).files


def test_a_float_model_is_exported_and_compared(square_model, tmp_path):
    assert main(["export", str(square_model), "--target", "pytorch", "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"model.pt2", "state_dict.pth"}


def test_without_torch_the_command_is_named(monkeypatch, quantised):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"detquant\[torch\]"):
        TARGET.open(quantised.artefact)
