"""Networks whose trained weights are not at hand, at full size with seeded ones: read, compared, quantised, written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx_ir as ir
import pytest

import detquant
from detquant.architectures import load_architecture
from detquant.data.scenes import scene
from detquant.graph.running import OrtRunner, with_taps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not find_spec("torch") or not find_spec("onnxscript"), reason="needs torch"),
]
RESNETS = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of scenes."""
    (tmp_path / "pictures").mkdir()
    for index in range(6):
        cv2.imwrite(str(tmp_path / f"pictures/{index}.png"), scene("train", index).image)
    return tmp_path / "pictures"


@pytest.mark.parametrize("layers", RESNETS)
def test_torchvisions_resnets(layers: int, pictures: Path, tmp_path: Path) -> None:
    import torch

    blocks, bottleneck = RESNETS[layers]
    torch.manual_seed(layers)
    network = load_architecture("resnet-torchvision")(blocks=blocks, bottleneck=bottleneck, classes=1000).eval()
    torch.save(network.state_dict(), tmp_path / "resnet.pth")
    detector = detquant.load(tmp_path / "resnet.pth")
    assert detector.family.name == "classifier" and detector.family.num_classes == 1000

    # Tensor by tensor: what every convolution gives, in the order in which they run.
    made: list[np.ndarray] = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, __, output: made.append(output.numpy().copy()))
    feed, _ = detector.family.preprocess(cv2.imread(str(pictures / "0.png")))
    with torch.no_grad():
        logits = network(torch.from_numpy(feed)).numpy()
    raw = detector.imported.model
    names = [node.outputs[0].name or "" for node in raw.graph if node.op_type == "Conv"]
    assert len(names) == len(made) == layers - 1 + 4 - (0 if bottleneck else 1)
    found = OrtRunner(with_taps(raw, names)).run({detector.family.input_name: feed})
    for name, expected in zip(names, made, strict=True):
        assert np.abs(found[name] - expected).max() <= 1e-4 * np.abs(expected).max(), name
    [output] = detector.open().run({detector.family.input_name: feed}).values()
    assert np.allclose(output, logits, rtol=1e-4, atol=1e-4 * np.abs(logits).max())

    result = detquant.quantize(detector, pictures, calib=4, val_limit=4)
    assert result.report.figures()["agreement"]["images"] == 4
    assert result.report.figures()["quantized"]["size_bytes"] < 0.6 * result.report.figures()["float"]["size_bytes"]
    assert min(result.report.figures()["sqnr_db"].values()) > 10
    result.save(tmp_path / "out")
    again = detquant.load(tmp_path / "out/model.onnx")
    assert again.is_quantized and again.family.facts() == detector.family.facts()
    assert isinstance(again.model, ir.Model)
