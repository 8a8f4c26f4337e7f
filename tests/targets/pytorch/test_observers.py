"""What detquant found goes into a user's model that torch has prepared, whatever that calls its observers."""

from __future__ import annotations

import copy
import io
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx_ir as ir
import pytest

import detquant
from detquant.architectures.export import quiet
from detquant.errors import ModelError

pytest.importorskip("torch", reason="the extra torch is not installed")
pytest.importorskip("onnxscript", reason="the extra torch is not installed")
import torch

sys.path.append(str(Path(__file__).parent))
import user_net

from detquant.targets.pytorch.observers import load_observers

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch.ao.quantization, where users have it still
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def net():
    return user_net.made()


@pytest.fixture(scope="module")
def quantised(net, tmp_path_factory):
    """The model's export, quantised for PyTorch: the result, and its grids in ONNX; ``out/model.pt2`` lies beside."""
    folder = tmp_path_factory.mktemp("user")
    images = folder / "images"
    images.mkdir()
    for k in range(6):
        picture = np.random.default_rng(k).integers(0, 256, (user_net.SIDE, user_net.SIDE, 3))
        cv2.imwrite(str(images / f"{k}.png"), picture.astype(np.uint8))
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (user_net.example(),), folder / "net.onnx", dynamo=False, input_names=["images"])
    result = detquant.quantize(
        folder / "net.onnx", images, target="pytorch", calib=4, val_limit=2, preprocess="unit", force=True
    )
    result.save(folder / "out")
    ir.save(result.model.qdq(), folder / "qdq.onnx")  # what ort's files are; a program takes longer to read
    return result, folder / "qdq.onnx"


def eager(net):
    from torch.ao import quantization

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.net = quantization.QuantStub(), copy.deepcopy(net)

        def forward(self, images):
            return self.net(self.quant(images))

    wrapped = Wrapped()
    for block in wrapped.net.blocks:
        quantization.fuse_modules(block, [["conv", "bn", "act"]], inplace=True)
    quantization.fuse_modules(wrapped.net, [["stem", "relu"]], inplace=True)
    wrapped.qconfig = quantization.get_default_qat_qconfig("x86")
    return quantization.prepare_qat(wrapped.train())


def graph(net, fused=True):
    from torch.ao.quantization import get_default_qat_qconfig_mapping
    from torch.ao.quantization.quantize_fx import fuse_fx, prepare_qat_fx

    basis = fuse_fx(copy.deepcopy(net)) if fused else copy.deepcopy(net)
    return prepare_qat_fx(basis.train(), get_default_qat_qconfig_mapping("x86"), (user_net.example(),))


def test_the_state_dict_has_the_paths_of_the_users_modules(net, quantised):
    state = torch.load(io.BytesIO(quantised[0].artefact.files["state_dict.pth"]), weights_only=True)
    own = {name for name in net.state_dict() if name.endswith(".weight") and ".bn." not in name}
    assert own == {name for name in state if name.endswith(".weight")}
    assert {f"{name}_fake_quant.scale" for name in own} <= state.keys()
    assert all(state[name].shape == net.state_dict()[name].shape for name in own)


@pytest.mark.parametrize("prepare", [eager, graph], ids=["eager", "FX"])
def test_observers_get_the_grids_and_the_model_computes_what_the_file_does(net, quantised, prepare):
    result, path = quantised
    prepared, image = prepare(net), user_net.example()
    found = load_observers(prepared, path, image)
    assert len(found.layers) == 4 and not found.in_float and found.difference < 0.02
    state = torch.load(io.BytesIO(result.artefact.files["state_dict.pth"]), weights_only=True)
    theirs = prepared.state_dict()
    for name, grid in found.observers.items():
        assert torch.equal(theirs[f"{name}.scale"].reshape(()), state[f"{grid}.scale"])
        observer = f"{name}.activation_post_process"
        width = theirs[f"{observer}.max_val"] - theirs[f"{observer}.min_val"]
        assert torch.allclose(width, 255 * state[f"{grid}.scale"])
    for name, layer in found.layers.items():
        assert torch.allclose(theirs[f"{name}.weight"], state[f"{layer}.weight"])
        assert torch.equal(theirs[f"{name}.weight_fake_quant.scale"], state[f"{layer}.weight_fake_quant.scale"])
    images = torch.cat([image, 1 - image])
    optimiser = torch.optim.SGD(prepared.parameters(), lr=1e-2)
    losses = []
    for _ in range(3):
        loss = (prepared.train()(images) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    after = prepared.state_dict()
    assert all(torch.equal(theirs[name], after[name]) for name in theirs if name.endswith((".scale", ".zero_point")))


def test_a_batchnorm_that_is_left_is_refused_with_the_way_out(net, quantised):
    with pytest.raises(ModelError, match=r"BatchNorm in 'blocks.0.conv', which the file has folded: fold it first"):
        load_observers(graph(net, fused=False), quantised[1], user_net.example())


def test_another_network_is_refused(net, quantised):
    other = copy.deepcopy(net)
    other.relu = torch.nn.Tanh()
    with pytest.raises(ModelError, match="computes something else in float than the prepared model"):
        load_observers(graph(other), quantised[1], user_net.example())


def test_a_float_file_has_no_grids(net, quantised):
    with pytest.raises(ModelError, match="has no grids to load"):
        load_observers(graph(net), quantised[1].with_name("net.onnx"), user_net.example())


@pytest.mark.slow
def test_a_program_that_was_trained_goes_on_to_other_targets_with_its_grids(quantised, tmp_path):
    """As docs/training.md has it: opened by torch alone, trained, saved, exported."""
    facts, image = {"detquant.json": ""}, user_net.example()
    module = torch.export.load(quantised[1].parent / "out" / "model.pt2", extra_files=facts).module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(3):
        loss = (module(image)[0] - 0.5).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    torch.export.save(torch.export.export(module, (image,)), tmp_path / "trained.pt2", extra_files=facts)
    trained = module(image)[0].detach().numpy()
    code = float(before["fc.activation_post_process.scale"])
    assert len(load_observers(graph(user_net.made()), tmp_path / "trained.pt2", image).layers) == 4
    detector = detquant.load(tmp_path / "trained.pt2")
    assert detector.family.name == "classifier"
    for target in ("ort", "tflite", "pytorch"):
        exported = detquant.export(detector, target)
        assert exported.precision == "integers"
        runner = detquant.load_target(target).open(exported.artefact)
        [there] = runner.run({detector.family.input_name: image.numpy()}).values()
        assert np.abs(there - trained).max() <= 1.01 * code
    state = torch.load(io.BytesIO(exported.artefact.files["state_dict.pth"]), weights_only=True)
    grids = [name for name in before if name.endswith("weight_fake_quant.scale")]
    assert grids and all(torch.equal(before[name], state[name]) for name in grids)
    with pytest.raises(detquant.DetquantError, match="is quantised already and keeps its widths, so 'fp16'"):
        detquant.export(detector, "ort", precision="fp16")
