from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from detquant.architectures.export import export_onnx  # noqa: E402
from detquant.architectures.export_metadata import detector_metadata  # noqa: E402
from detquant.architectures.resnet import ResNet  # noqa: E402
from detquant.architectures.weights import load_weights, save_weights  # noqa: E402
from detquant.architectures.yolov8 import YOLOv8  # noqa: E402
from detquant.errors import ModelError  # noqa: E402
from detquant.pipeline.detector import load  # noqa: E402

NAMES = (*"abcdefghi", "it's")
SIDE = 256


def uneven(model):
    """With BatchNorm statistics that are not those of a new model."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.fixture(scope="module")
def pico():
    return uneven(YOLOv8("pico", 10))


@pytest.fixture(scope="module")
def content(pico) -> bytes:
    return export_onnx(pico, (1, 3, SIDE, SIDE), detector_metadata(NAMES, SIDE))


def run(content: bytes, images: np.ndarray) -> np.ndarray:
    [output] = onnxruntime.InferenceSession(content).run(["output0"], {"images": images})
    return output


def test_file_computes_what_the_module_does(pico, content: bytes) -> None:
    images = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    with torch.no_grad():
        expected = pico(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(run(content, images), expected, rtol=1e-4, atol=1e-4)


def test_batchnorm_is_kept_and_shape_arithmetic_is_gone(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["BatchNormalization"] == 57
    assert not kinds.keys() & {"Constant", "Shape", "Range", "Expand", "Cast", "CastLike", "SequenceAt", "Unsqueeze"}
    assert {"model.0.conv.weight", "model.0.bn.running_var"} <= {tensor.name for tensor in graph.initializer}
    assert [node.name for node in graph.node[:2]] == ["/model.0/conv/Conv", "/model.0/bn/BatchNormalization"]
    assert len({node.name for node in graph.node}) == len(graph.node)
    assert all(len(node.input) == 2 for node in graph.node if node.op_type == "Conv" and "/conv/Conv" in node.name)


def test_file_is_small_and_holds_no_paths(content: bytes) -> None:
    assert len(content) < 2_500_000
    assert b".py" not in content
    assert b"pkg." not in content


def test_family_and_class_names_are_found(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pico.onnx").write_bytes(content)
    detector = load(tmp_path / "pico.onnx")
    assert (detector.family.name, detector.family.classes) == ("yolov8", NAMES)
    assert "BatchNormalization" not in {node.op_type for node in detector.model.graph}


def test_same_bytes_again_and_training_mode_is_given_back() -> None:
    model = ResNet((8,), blocks=1).train()
    content = export_onnx(model, (1, 3, 32, 32))
    assert model.training
    assert export_onnx(model, (1, 3, 32, 32)) == content
    assert [node.op_type for node in onnx.load_from_string(content).graph.node].count("BatchNormalization") == 3


def test_weights_come_back(pico, tmp_path: Path) -> None:
    save_weights(pico, tmp_path / "pico.npz")
    other = YOLOv8("pico", 10)
    load_weights(other, tmp_path / "pico.npz")
    for name, tensor in pico.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_weights_of_another_network_are_refused(pico, tmp_path: Path) -> None:
    save_weights(pico, tmp_path / "pico.npz")
    with pytest.raises(ModelError, match="another network"):
        load_weights(YOLOv8("pico", 4), tmp_path / "pico.npz")
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(YOLOv8("pico", 10), tmp_path / "broken.npz")
