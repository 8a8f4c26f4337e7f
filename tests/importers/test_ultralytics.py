from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from detquant.architectures import load_architecture
from detquant.errors import MissingExtra, ModelError
from detquant.importers import load_model, ultralytics
from detquant.importers.checkpoint import Record

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "assets" / "weights" / "detect"
needs_assets = pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"no trained detectors at {WEIGHTS}")
needs_torch = pytest.mark.skipif(not find_spec("torch") or not find_spec("onnxscript"), reason="needs torch")
pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = {0: "cat", 1: "dog", 2: "it's"}
SIDE = 96


def run(model: ir.Model, images: np.ndarray) -> np.ndarray:
    [output] = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString()).run(None, {"images": images})
    return output


def network(seed: int):
    """A pico detector with weights and statistics that half precision holds exactly."""
    import torch

    torch.manual_seed(seed)
    model = load_architecture("yolov8")("pico", len(NAMES))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model.half().float().eval()


def as_ultralytics(model, monkeypatch: pytest.MonkeyPatch, **attributes: object):
    """The same network, of classes that seem to be Ultralytics'."""
    for name in ("ultralytics", "ultralytics.nn", "ultralytics.nn.tasks"):
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name, ModuleType(name)))
    tasks = sys.modules["ultralytics.nn.tasks"]
    for module in model.modules():
        kind = type(module)
        if kind.__module__.startswith("detquant."):
            name = "DetectionModel" if module is model else kind.__name__
            if not hasattr(tasks, name):
                setattr(tasks, name, type(name, (kind,), {"__module__": tasks.__name__, "__qualname__": name}))
            module.__class__ = getattr(tasks, name)
    for name, value in ({"names": NAMES, "yaml": {"nc": 80, "scale": "x"}} | attributes).items():
        setattr(model, name, value)
    return model


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Writes a checkpoint as Ultralytics does; its classes are gone afterwards."""

    def write(*, ema=None, model=None, train_args=None, edit=lambda _: None, **attributes) -> Path:
        import torch

        path = tmp_path / "best.pt"
        with monkeypatch.context() as patch:
            held = {
                name: as_ultralytics(net, patch, **attributes).half() if net else None
                for name, net in (("model", model), ("ema", ema))
            }
            edit(held["ema"] or held["model"])
            torch.save(
                {
                    "epoch": 7,
                    "best_fitness": np.float64(0.5),
                    **held,
                    "optimizer": None,
                    "train_args": train_args or {"imgsz": SIDE, "project": Path("runs")},
                },
                path,
            )
        assert "ultralytics.nn.tasks" not in sys.modules
        return path

    return write


@needs_torch
def test_outputs_are_those_of_the_network_and_ema_is_preferred(save):
    import torch

    images = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    with torch.no_grad():
        expected = network(1)(torch.from_numpy(images)).numpy()
    path = save(model=network(0), ema=network(1))
    imported = load_model(path)
    np.testing.assert_allclose(run(imported.model, images), expected, rtol=1e-4, atol=1e-4)
    assert imported.metadata | {"names": ""} == {
        **{"task": "detect", "batch": "1", "stride": "32", "imgsz": f"[{SIDE}, {SIDE}]", "names": ""},
        **{"epoch": "7", "scale": "pico"},
    }
    assert imported.metadata["names"] == str(NAMES)
    assert imported.path == path
    assert imported.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert imported.size_bytes == path.stat().st_size
    assert imported.reason == (
        "ultralytics: 'ema' is ultralytics.nn.tasks.DetectionModel, "
        "with the names and shapes of a YOLOv8-pico of 3 classes"
    )


@needs_torch
@pytest.mark.slow
def test_a_detector_at_the_side_that_is_asked_for(save):
    from detquant.pipeline.detector import load
    from detquant.pipeline.inspection import inspect

    detector = load(save(model=network(0)), imgsz=64)
    assert (detector.family.name, detector.family.width, detector.family.classes) == ("yolov8", 64, (*NAMES.values(),))
    assert inspect(detector)["importer_reason"].startswith("ultralytics: 'model' is")


@needs_torch
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda net: net.model[0].__delattr__("bn"), r"'model\.0\.bn\.bias' is missing \(and 3 more\)"),
        (lambda net: net.model[0].register_buffer("more", net.model[0].bn.bias), r"'model\.0\.more' has no place"),
        (
            lambda net: setattr(net.model[1].conv, "weight", net.model[0].conv.weight),
            r"'model\.1\.conv\.weight' has shape \[8, 3, 3, 3\] instead of \[16, 8, 3, 3\]",
        ),
        (lambda net: net.model[0].bn.bias.data.fill_(float("nan")), "not finite"),
        (lambda net: setattr(net.model[3].bn, "eps", 1e-5), r"'model\.3\.bn', whose eps is not 0\.001"),
        (lambda net: setattr(net.model[2].m[0], "add", False), r"'model\.2\.m\.0', whose add is not True"),
        (lambda net: setattr(net.model[16].conv, "stride", (1, 1)), r"'model\.16\.conv', whose stride is not \(2, 2\)"),
        (lambda net: setattr(net.model[10], "mode", "bilinear"), "whose mode is not nearest"),
        (lambda net: net.model[3].add_module("conv", None), r"'model\.3\.conv\.weight' is missing"),
    ],
)
def test_networks_that_are_a_little_different(save, edit, words):
    with pytest.raises(ModelError, match=words) as error:
        load_model(save(model=network(0), edit=edit))
    assert "\n" not in str(error.value)


@needs_torch
def test_sides_that_cannot_be(save):
    path = save(model=network(0), train_args={"imgsz": [100]})
    with pytest.raises(ModelError, match="input of 100 pixels: pass --imgsz with a multiple of 32 from 32 to 4096"):
        load_model(path)
    with pytest.raises(ModelError, match="cannot have an input of 1000000 pixels"):
        load_model(path, 1_000_000)


def record(name: str, **modules: Record) -> Record:
    return Record(name, (), {"_modules": modules})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            record("ultralytics.nn.tasks.SegmentationModel", head=record("ultralytics.nn.modules.head.Segment")),
            r"found ultralytics\.nn\.tasks\.SegmentationModel with Segment",
        ),
        (record("ultralytics.nn.tasks.PoseModel", a=record("ultralytics.nn.modules.head.Pose")), "PoseModel with Pose"),
        (record("ultralytics.nn.tasks.RTDETRDetectionModel"), "RTDETRDetectionModel"),
        (
            record("ultralytics.nn.tasks.DetectionModel", a=record("ultralytics.nn.modules.block.A2C2f")),
            "DetectionModel with A2C2f; expected YOLOv5, YOLOv7, YOLOv8, YOLOv10, YOLO11 or YOLO26",
        ),
        (record("models.yolo.Model", a=record("models.common.C3")), "has a Model, that has no 'model'"),
        (record("models.yolo.Model", a=record("models.common.CBFuse")), r"models\.yolo\.Model with CBFuse"),
        (record("ultralytics.nn.tasks.DetectionModel"), "of a scale that is known"),
        ("text ultralytics.nn", "holds no network"),
    ],
)
def test_other_networks_are_named(model, words, as_zip, tmp_path):
    path = tmp_path / "other.pt"
    path.write_bytes(as_zip({"model": model, "ema": None}))
    assert ultralytics.matches(path)
    with pytest.raises(ModelError, match=words) as error:
        load_model(path)
    assert "\n" not in str(error.value)


def test_a_network_that_holds_itself(zip_of, tmp_path):
    path = tmp_path / "cycle.pt"
    path.write_bytes(
        zip_of(
            b"\x80\x02}X\x05\0\0\0modelcultralytics.nn.tasks\nDetectionModel\n)\x81q\0"
            b"}X\x08\0\0\0_modules}X\x01\0\0\0ah\0ssbs."
        )
    )
    with pytest.raises(ModelError, match="nested without end"):
        load_model(path)


def test_missing_torch_is_said(monkeypatch, as_zip, tmp_path):
    monkeypatch.setattr("detquant.architectures.find_spec", lambda _: None)
    zeros = {"conv": (8, 3, 3, 3)}
    stem = Record("torch.nn.modules.conv.Conv2d", (), {"_parameters": {"weight": np.zeros(zeros["conv"], np.float32)}})
    last = Record("torch.nn.modules.conv.Conv2d", (), {"_parameters": {"weight": np.zeros((3, 8, 1, 1), np.float32)}})

    def nest(names: str, inner: Record) -> Record:
        for name in reversed(names.split(".")):
            inner = record("torch.nn.modules.container.Sequential", **{name: inner})
        return inner

    head = record("ultralytics.nn.modules.head.Detect", cv3=nest("0.2", last), dfl=nest("conv", last))
    layers = record("torch.nn.modules.container.Sequential", **{"0": nest("conv", stem), "22": head})
    path = tmp_path / "yolo.pt"
    path.write_bytes(as_zip({"model": record("ultralytics.nn.tasks.DetectionModel", model=layers)}))
    with pytest.raises(MissingExtra, match=r"detquant\[torch\]"):
        load_model(path)


@needs_torch
@needs_assets
@pytest.mark.slow
@pytest.mark.parametrize(("name", "pixels", "score"), [("yolov8n.pt", 2e-3, 1e-6), ("yolov8n_fp16.pt", 2, 1e-3)])
def test_equals_ultralytics_export(name, pixels, score):
    images = np.random.default_rng(0).random((1, 3, 640, 640), np.float32)
    [theirs] = onnxruntime.InferenceSession(str(WEIGHTS / "yolov8n.onnx")).run(None, {"images": images})
    imported = load_model(WEIGHTS / name)
    ours = run(imported.model, images)
    np.testing.assert_allclose(ours[:, 4:], theirs[:, 4:], rtol=0, atol=score)
    np.testing.assert_allclose(ours[:, :4], theirs[:, :4], rtol=1e-4, atol=pixels)
    assert imported.metadata["imgsz"] == "[640, 640]"
