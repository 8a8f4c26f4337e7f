"""Checkpoints of small networks, pickled as the originals are: what is read gives what torch gives."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from detquant.errors import ModelError
from detquant.importers import load_model

if not find_spec("torch"):
    pytest.skip("needs torch", allow_module_level=True)
sys.path.append(str(Path(__file__).parent))
import torch
from module_nets import Anchored, Net, nets, seeded

MORE = Path(__file__).resolve().parents[4] / "shared" / "assets" / "weights" / "more"
NAMES = {0: "cat", 1: "dog", 2: "cow", 3: "hen"}
SIDE = 64
MODULES = {"yolov5": "models", "yolov7": "models", "yolov7-tiny": "models"}
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Writes a network as its repository does: classes of its names, gone afterwards."""

    def write(net, package="ultralytics", **held) -> Path:
        path = tmp_path / "best.pt"
        home = "models.yolo" if package == "models" else "ultralytics.nn.tasks"
        with monkeypatch.context() as patch:
            for depth in range(home.count(".") + 1):
                name = ".".join(home.split(".")[: depth + 1])
                patch.setitem(sys.modules, name, ModuleType(name))
            place, was = sys.modules[home], {}
            for module in net.modules():
                kind = type(module)
                if kind.__module__ == "module_nets":
                    plain = {Net: "Model" if package == "models" else "DetectionModel", Anchored: "Detect"}
                    name = plain.get(kind, kind.__name__)
                    if not hasattr(place, name):
                        setattr(place, name, type(name, (kind,), {"__module__": home, "__qualname__": name}))
                    was[module], module.__class__ = kind, getattr(place, name)
            net.names = NAMES
            torch.save({"epoch": 3, "model": net, "ema": None, "train_args": {"imgsz": SIDE}, **held}, path)
            for module, kind in was.items():
                module.__class__ = kind
        return path

    return write


def run(model: ir.Model, images: np.ndarray) -> np.ndarray:
    [output] = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString()).run(None, {"images": images})
    return output


@pytest.mark.parametrize("name", nets())
def test_a_network_gives_what_torch_gives(name, save):
    net = seeded(nets()[name]())
    images = np.random.default_rng(2).random((1, 3, SIDE, SIDE), np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(images)).numpy()
    imported = load_model(save(net, MODULES.get(name, "ultralytics")))
    found = run(imported.model, images)
    assert found.shape == expected.shape and np.ptp(expected[..., :4]) > 10
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)
    assert imported.metadata["names"] == str(NAMES) and imported.metadata["epoch"] == "3"
    assert imported.metadata["imgsz"] == f"[{SIDE}, {SIDE}]"
    assert ("end2end" in imported.metadata) == (name in ("yolo26", "yolov10"))
    assert "written by its modules" in imported.reason


def test_the_side_can_be_another_one(save):
    path = save(seeded(nets()["yolo11"]()))
    images = np.random.default_rng(2).random((1, 3, 96, 96), np.float32)
    assert run(load_model(path, 96).model, images).shape == (1, 8, 12 * 12 + 6 * 6 + 3 * 3)
    with pytest.raises(ModelError, match="cannot have an input of 100 pixels: pass --imgsz with a multiple of 32"):
        load_model(path, 100)


def test_one_box_each_can_be_left_out_by_the_checkpoint(save):
    net = seeded(nets()["yolo26"]())
    net.model[-1]._end2end = False
    imported = load_model(save(net))
    assert run(imported.model, np.zeros((1, 3, SIDE, SIDE), np.float32)).shape == (1, 8, 84)
    assert "end2end" not in imported.metadata


def part(net, name):
    return net.get_submodule(name)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda net: setattr(part(net, "model.0"), "f", 7), r"has a Conv, 'model\.0', that reads a layer that is not"),
        (lambda net: setattr(part(net, "model.0.conv"), "padding_mode", "reflect"), "padding_mode other than zeros"),
        (lambda net: setattr(part(net, "model.0.conv"), "stride", (0, 1)), "stride that is not one or two numbers"),
        (lambda net: part(net, "model.0.conv").weight.data.fill_(float("inf")), "numbers in 'weight' that are not fin"),
        (lambda net: delattr(part(net, "model.0"), "conv"), "has no 'conv'"),
        (lambda net: setattr(part(net, "model.1.conv"), "groups", 2), "does not take the 8 channels"),
        (lambda net: setattr(part(net, "model.7"), "mode", "bilinear"), "mode other than nearest"),
        (lambda net: setattr(part(net, "model.6.1.m.0.attn"), "num_heads", 3), "heads that do not make up"),
        (lambda net: part(net, "model.10.cv2").__delitem__(0), "branches for another number of maps"),
        (
            lambda net: setattr(part(net, "model.4.cv1"), "act", torch.nn.Tanh()),
            r"DetectionModel with Tanh; expected YOLOv5",
        ),
    ],
)
def test_what_is_changed_in_ways_that_are_not_read_is_said(edit, words, save):
    net = seeded(nets()["yolo11"]())
    edit(net)
    with pytest.raises(ModelError, match=words) as error:
        load_model(save(net))
    assert "\n" not in str(error.value) and "xport it to ONNX" in str(error.value)


def test_the_same_bytes_each_time(save):
    path = save(seeded(nets()["yolov7"]()), "models")
    first, second = (ir.to_proto(load_model(path).model).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


@pytest.mark.skipif(not MORE.is_dir(), reason=f"no trained detectors at {MORE}")
def test_a_checkpoint_of_yolov5_sees_what_its_tflite_sees():
    interpreters = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra tflite is not installed")
    other = interpreters.Interpreter(str(MORE / "yolov5n-fp16.tflite"))
    other.allocate_tensors()
    import cv2

    photo = cv2.imread(str(MORE.parents[1] / "coco" / "demo" / "bus.jpg"))[..., ::-1]
    side = 640
    image = cv2.resize(photo, (side, side)).astype(np.float32)[None] / 255
    other.set_tensor(other.get_input_details()[0]["index"], image)
    other.invoke()
    expected = other.get_tensor(other.get_output_details()[0]["index"])[0] * [*[side] * 4, *[1] * 81]
    found = run(load_model(MORE / "yolov5n_ultra.pt").model, image.transpose(0, 3, 1, 2).copy())[0]
    for rows in (found, expected):
        assert (rows[:, 4] > 0.5).sum() > 5
    sure = [rows[rows[:, 4] > 0.5] for rows in (found, expected)]
    for row in sure[1]:  # the file has its rows in another order
        near = sure[0][np.abs(sure[0][:, :4] - row[:4]).max(1).argmin()]
        np.testing.assert_allclose(near[:4], row[:4], atol=1.5)
        np.testing.assert_allclose(near[4:], row[4:], atol=0.01)
