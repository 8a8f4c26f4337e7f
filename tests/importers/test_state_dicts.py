from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from detquant.architectures import load_architecture
from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.checkpoint import Storage, StoredTensor
from detquant.importers.checkpoint.network import export, fit
from detquant.importers.state_dicts import YOLOV8_SCALES, onnx_bytes, tell

ASSETS = Path(__file__).resolve().parents[3] / "shared" / "assets"
needs_assets = pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained weights at {ASSETS}")
needs_torch = pytest.mark.skipif(not find_spec("torch") or not find_spec("onnxscript"), reason="needs torch")
pytestmark = pytest.mark.usefixtures("one_thread")

# architecture, options, side, what the sentence says
NETWORKS = [
    pytest.param("yolov8", {"scale": "pico", "classes": 3}, 64, "a YOLOv8-pico of 3 classes", marks=pytest.mark.slow),
    ("resnet-cifar", {"blocks": 1, "width": 8, "classes": 10}, 32, "a ResNet-8 for CIFAR of 10 classes"),
    (
        "resnet-torchvision",
        {"blocks": (1, 1, 1, 1), "bottleneck": False, "classes": 7},
        64,
        "a ResNet-10 of 7 classes",
    ),
]


def shapes_only(state) -> dict[str, StoredTensor]:
    """A state dict without numbers."""
    return {
        name: StoredTensor(
            Storage(name, "<f4", tensor.numel()), 0, tuple(tensor.shape), tuple(tensor.contiguous().stride())
        )
        for name, tensor in state.items()
    }


def run(content: bytes, images: np.ndarray) -> np.ndarray:
    [output] = onnxruntime.InferenceSession(content).run(["output0"], {"images": images})
    return output


@needs_torch
@pytest.mark.parametrize(("architecture", "options", "side", "title"), NETWORKS)
def test_outputs_are_those_of_the_network(architecture, options, side, title, tmp_path):
    import torch

    torch.manual_seed(0)
    model = load_architecture(architecture)(**options).eval()
    images = np.random.default_rng(0).random((1, 3, side, side), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    state = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "model.pth")
    imported = load_model(tmp_path / "model.pth", side)
    assert imported.reason.endswith(f"whose names and shapes are those of {title}")
    content = ir.to_proto(imported.model).SerializeToString()
    np.testing.assert_allclose(run(content, images), expected, rtol=1e-4, atol=1e-4)


@needs_torch
@pytest.mark.parametrize("scale", YOLOV8_SCALES.values())
def test_every_scale_of_yolov8_is_told(scale):
    import torch

    with torch.device("meta"):
        state = load_architecture("yolov8")(scale, 5).state_dict()
    assert tell(Path("x.pt"), shapes_only(state)).options == {"scale": scale, "classes": 5}


@needs_torch
@pytest.mark.parametrize(
    ("blocks", "bottleneck", "layers"),
    [((2, 2, 2, 2), False, 18), ((3, 4, 6, 3), False, 34), ((3, 4, 6, 3), True, 50)],
)
def test_torchvisions_resnets_are_told(blocks, bottleneck, layers):
    import torch

    options = {"blocks": blocks, "bottleneck": bottleneck, "classes": 1000}
    with torch.device("meta"):
        state = load_architecture("resnet-torchvision")(**options).state_dict()
    network = tell(Path("x.pt"), shapes_only(state))
    assert network.options == options
    assert network.title == f"a ResNet-{layers} of 1000 classes"


@needs_torch
@pytest.mark.parametrize(("blocks", "layers"), [((3, 4, 6), 50), ((3, 4, 23), 101), ((3, 8, 36), 152)])
def test_ssd300_is_told(blocks, layers):
    import torch

    options = {"blocks": blocks, "labels": 21}
    with torch.device("meta"):
        state = load_architecture("ssd300")(**options).state_dict()
    network = tell(Path("x.pt"), shapes_only(state))
    assert network.options == options
    assert network.title == f"an SSD300 with a ResNet-{layers} of 20 classes"


@needs_torch
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loc.3.bias": None}, r"'loc\.3\.bias' is missing"),
        ({"extra.weight": (3,)}, r"'extra\.weight' has no place in it"),
        (
            {"conf.1.weight": (486, 512, 1, 1)},
            r"'conf\.1\.weight' has shape \[486, 512, 1, 1\] instead of \[486, 512, 3",
        ),
        (
            {f"feature_extractor.feature_extractor.6.5.{name}": None for name in ("conv1.weight", "bn1.bias")},
            r"bn1\.bias' is missing \(and 1 more\)",
        ),
        ({"conf.0.bias": (7,)}, "no network that is known"),
        ({"conf.0.bias": (4,)}, "no network that is known"),
        ({"conf.0.bias": ()}, "no network that is known"),
    ],
)
def test_an_ssd300_that_is_a_little_different(changes, words):
    import torch

    with torch.device("meta"):
        state = shapes_only(load_architecture("ssd300")().state_dict())
    made = {
        name: StoredTensor(Storage(name, "<f4", int(np.prod(shape))), 0, shape, (0,) * len(shape))
        for name, shape in changes.items()
        if shape is not None
    }
    state = {name: tensor for name, tensor in state.items() if name not in changes} | made
    with pytest.raises(ModelError, match=words):
        fit(Path("x.pt"), tell(Path("x.pt"), state), state)


@needs_torch
def test_an_ssd300_has_one_size():
    import torch

    with torch.device("meta"):
        state = shapes_only(load_architecture("ssd300")(labels=2).state_dict())
    network = tell(Path("x.pt"), state)
    with pytest.raises(ModelError, match="of 1 classes, whose input has 300 pixels and cannot have 512: leave --imgsz"):
        export(Path("x.pt"), b"", network, state, 512)


@needs_torch
def test_a_classifier_in_safetensors_knows_its_preprocessing(tmp_path, safetensors):
    from detquant.pipeline.detector import load

    model = load_architecture("resnet-cifar")(1, 8, 4)
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items() if "tracked" not in name}
    (tmp_path / "resnet.safetensors").write_bytes(safetensors(arrays))
    found = load(tmp_path / "resnet.safetensors")
    assert found.family.task == "classify" and "Preprocessing: imagenet-uncropped" in found.reason


@needs_torch
def test_integer_weights_are_refused(tmp_path, safetensors):
    model = load_architecture("resnet-cifar")(1, 8, 4)
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items() if "tracked" not in name}
    arrays["conv1.weight"] = arrays["conv1.weight"].astype(np.int8)
    (tmp_path / "resnet.safetensors").write_bytes(safetensors(arrays))
    with pytest.raises(ModelError, match=r"holds 'conv1\.weight' as int8"):
        load_model(tmp_path / "resnet.safetensors")


def test_a_state_dict_of_another_network(tmp_path, as_zip):
    path = tmp_path / "other.pt"
    path.write_bytes(as_zip({"features.0.weight\x1b[2J": np.zeros((4, 3), np.float32)}))
    with pytest.raises(ModelError, match=r"no network that is known: its 1 tensors begin with 'features") as error:
        load_model(path)
    assert "\x1b" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("tree", "words"),
    [({"epoch": 3}, "a dict of 'epoch'"), ([1], "a list"), ({"args": {}, "model": None}, "a dict of 'args', 'model'")],
)
def test_a_pickle_that_is_no_checkpoint(tree, words, tmp_path, as_zip):
    path = tmp_path / "other.pt"
    path.write_bytes(as_zip(tree))
    with pytest.raises(ModelError, match=f"holds no state dict but {words}"):
        load_model(path)


@pytest.mark.parametrize("blocks", [{1: 4000, 2: 1, 3: 1}, {1: 1, 3: 1, 4: 1}, {}])
def test_absurd_resnets_are_not_built(blocks):
    names = [f"layer{stage}.{place}.conv1.weight" for stage, count in blocks.items() for place in range(count)]
    state = {name: (4, 4, 3, 3) for name in names} | {"conv1.weight": (4, 3, 3, 3), "linear.weight": (10, 16)}
    tensors = {
        name: StoredTensor(Storage(name, "<f4", int(np.prod(shape))), 0, shape, (0,) * len(shape))
        for name, shape in state.items()
    }
    with pytest.raises(ModelError, match="no network that is known"):
        tell(Path("x.pt"), tensors)


YOLOV8 = {"model.0.conv.weight": (16, 3, 3, 3), "model.22.dfl.conv.weight": (1, 16, 1, 1)}
CIFAR = {f"layer{stage}.0.conv1.weight": (4, 4, 3, 3) for stage in (1, 2, 3)} | {"linear.weight": (10, 16)}


@pytest.mark.parametrize(
    "shapes",
    [
        YOLOV8 | {"model.22.cv3.0.2.weight": (0, 2**39)},
        YOLOV8 | {"model.22.cv3.0.2.weight": (2**39, 0)},
        CIFAR | {"conv1.weight": (2**39, 0, 3, 3)},
        CIFAR | {"conv1.weight": (2**17, 1, 3, 3)},
        CIFAR | {"conv1.weight": (0, 3, 3, 3)},
    ],
)
def test_widths_that_no_network_has(shapes):
    tensors = {
        name: StoredTensor(Storage(name, "<f4", int(np.prod(shape, dtype=object))), 0, shape, (0,) * len(shape))
        for name, shape in shapes.items()
    }
    with pytest.raises(ModelError, match="no network that is known"):
        tell(Path("x.pt"), tensors)


def cifar_images() -> tuple[np.ndarray, np.ndarray]:
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    images, labels = [], []
    for index, folder in enumerate(sorted(path for path in (ASSETS / "cifar10" / "test").iterdir() if path.is_dir())):
        for file in sorted(folder.iterdir()):
            image = cv2.imread(str(file))[:, :, ::-1].astype(np.float32) / 255
            images.append(((image - mean) / std).transpose(2, 0, 1))
            labels.append(index)
    return np.stack(images), np.array(labels)


@needs_torch
@needs_assets
@pytest.mark.slow
@pytest.mark.parametrize(("name", "top1"), [("resnet20_cifar10.th", 80.2), ("resnet56_cifar10.th", 83.4)])
def test_top1_of_trained_resnets(name, top1):
    """Measured by their own code on the same 1000 images, which are JPEGs and so below the published figures."""
    session = onnxruntime.InferenceSession(onnx_bytes(ASSETS / "weights" / "classify" / name))
    images, labels = cifar_images()
    found = np.array([session.run(None, {"images": image[None]})[0].argmax() for image in images])
    assert 100 * (found == labels).mean() == pytest.approx(top1, abs=0.11)
