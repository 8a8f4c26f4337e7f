"""NVIDIA's SSD300 at its full size, with weights from a seed: read from a checkpoint, run, quantised, read again."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

import detquant
from detquant.data import export_scenes, read_image
from detquant.pipeline.detector import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not find_spec("torch") or not find_spec("onnxscript"), reason="needs torch"),
]


@pytest.fixture(scope="module")
def network():
    import torch

    from detquant.architectures import load_architecture

    torch.manual_seed(0)
    model = load_architecture("ssd300")().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    for head in model.conf:  # so that some boxes are of a class and most are not
        head.weight.data.mul_(40)
        head.bias.data.reshape(81, -1)[0] += 4
    return model


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory) -> Path:
    """As NVIDIA's `save_checkpoint` writes it."""
    import torch

    path = tmp_path_factory.mktemp("ssd") / "epoch_65.pt"
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    scheduler = {"milestones": Counter([43, 54]), "gamma": 0.1, "last_epoch": 65}
    label_map = {0: "background", 1: "person"}
    facts = {"epoch": 65, "iteration": 240_500, "optimizer": {"state": {}, "param_groups": [{"lr": 2.6e-3}]}}
    torch.save(facts | {"scheduler": scheduler, "label_map": label_map, "model": state}, path)
    return path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """Five embedded scenes as a folder of images, without their labels: the classes are others."""
    folder = tmp_path_factory.mktemp("scenes") / "data"
    export_scenes(folder, images=4, validation=1)
    return folder / "images"


def test_outputs_are_those_of_the_network_and_it_goes_all_the_way(network, checkpoint, scenes, tmp_path) -> None:
    import torch

    detector = load(checkpoint)
    assert "SSD300 with a ResNet-50 of 80 classes" in detector.imported.reason
    assert (detector.family.name, detector.family.classes[0]) == ("ssd300", "person")
    image = read_image(next(scenes.rglob("*.png")))
    tensor, geometry = detector.family.preprocess(image)
    with torch.no_grad():
        expected = [output.numpy() for output in network(torch.from_numpy(tensor))]
    session = onnxruntime.InferenceSession(ir.to_proto(detector.imported.model).SerializeToString())
    found = session.run(["locs", "confs"], {"images": tensor})
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)
    boxes = detector.family.decode(dict(zip(["locs", "confs"], found, strict=True)), geometry)
    assert 0 < len(boxes) <= 200

    result = detquant.quantize(detector, scenes, calib=4)
    assert result.report.figures()["int8"]["macs_percent"] > 50
    assert result.report.figures()["agreement"]["mean_iou"] > 0.9
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / "model.onnx")
    assert again.is_quantized and again.family.name == "ssd300"
