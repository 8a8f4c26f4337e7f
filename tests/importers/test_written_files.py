"""Files that detquant has written go in again, and say what they are: family, classes, decoding, preprocessing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("openvino", reason="the extra openvino is not installed")

from detquant.data.scenes import scene
from detquant.pipeline.detector import load
from detquant.pipeline.export import export
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

sys.path.append(str(Path(__file__).parents[1] / "families"))
from yolo_networks.table import NETWORKS


@pytest.mark.parametrize(
    ("target", "package", "name"),
    [
        ("openvino", "openvino", "model.xml"),
        ("tflite", "ai_edge_litert", "model.tflite"),
        ("ncnn", "ncnn", "model.param"),
        ("pytorch", "torch", "model.pt2"),
    ],
)
@pytest.mark.parametrize("model", [pytest.param("yolov8-pico", marks=pytest.mark.slow), "resnet-pico"])
def test_there_and_back(target: str, package: str, name: str, model: str, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"the extra {target} is not installed")
    detector = load(model)
    artefact = export(detector, target, precision="fp32").artefact
    for file, content in artefact.files.items():
        (tmp_path / file).write_bytes(content)
    again = load(tmp_path / name)
    assert again.reason.startswith("The file tells its family.")
    assert (again.family.name, again.family.classes) == (detector.family.name, detector.family.classes)
    assert again.family.facts() == detector.family.facts()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    feed, other = (one.family.preprocess(pixels)[0] for one in (detector, again))
    np.testing.assert_array_equal(feed, other)
    expected = detector.family.scores(detector.open().run({detector.family.input_name: feed}))
    found = again.family.scores(again.open().run({again.family.input_name: other}))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("target", "package", "name"),
    [
        ("openvino", "openvino", "model.xml"),
        ("tflite", "ai_edge_litert", "model.tflite"),
        ("ncnn", "ncnn", "model.param"),
        pytest.param("pytorch", "torch", "model.pt2", marks=pytest.mark.slow),
    ],
)
def test_in_8_bits(target: str, package: str, name: str, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"the extra {target} is not installed")
    detector, recipe = load("resnet-pico"), replace(load_recipe("w8a8"), steps=())
    quantize(detector, "crops", recipe=recipe, target=target, calib=4, val_limit=1).save(tmp_path / "out")
    again = load(tmp_path / "out" / name)
    assert again.is_quantized and again.family.classes == detector.family.classes
    feed, _ = detector.family.preprocess(scene("validation", 0).image)
    expected = detector.family.scores(detector.open().run({detector.family.input_name: feed}))
    found = again.family.scores(again.open().run({again.family.input_name: feed}))
    assert expected.max() > 0.3 and np.abs(found - expected).max() < 0.1


@pytest.mark.parametrize(
    ("target", "package", "name"),
    [("openvino", "openvino", "model.xml"), ("tflite", "ai_edge_litert", "model.tflite")],
)
def test_raw_heads_are_the_same_in_other_formats(target: str, package: str, name: str, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"the extra {target} is not installed")
    for network in ("rtmdet raw", "yolov8 raw"):
        onnx.save(NETWORKS[network].make(64), tmp_path / "network.onnx")
        detector = load(tmp_path / "network.onnx", **NETWORKS[network].options)
        for file, content in export(detector, target, precision="fp32").artefact.files.items():
            (tmp_path / file).write_bytes(content)
        again = load(tmp_path / name)
        assert again.family.name == NETWORKS[network].family and again.family.reading == detector.family.reading
        feed, _ = detector.family.preprocess(np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8))
        one, two = (each.open().run({each.family.input_name: feed}) for each in (detector, again))
        np.testing.assert_allclose(again.family.scores(two), detector.family.scores(one), atol=1e-3)
        np.testing.assert_allclose(again.family.boxes(two), detector.family.boxes(one), rtol=1e-3, atol=0.1)
