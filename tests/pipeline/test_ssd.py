"""An SSD whose graph normalises its input goes all the way, and is known again by its quantised file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.pipeline.detector import load
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

SIDE, ANCHORS, CHANNELS = 64, 96, 8


@pytest.fixture
def ssd(tmp_path: Path, build) -> Path:
    """TensorFlow's raw heads over pixels of 0 to 255; the scores have been through a sigmoid."""
    rng = np.random.default_rng(0)
    weights = {
        "half": np.array(1 / 127.5, np.float32),
        "one": np.array(1, np.float32),
        "stem": rng.normal(0, 0.3, (CHANNELS, 3, 4, 4)).astype(np.float32),
        "trunk": rng.normal(0, 0.3, (CHANNELS, CHANNELS, 4, 4)).astype(np.float32),
        "boxes_w": rng.normal(0, 0.1, (ANCHORS * 4 // 16, CHANNELS, 1, 1)).astype(np.float32),
        "classes_w": rng.normal(0, 0.3, (ANCHORS * 91 // 4, CHANNELS, 2, 2)).astype(np.float32),
        "boxes_shape": np.array([1, ANCHORS, 4]),
        "classes_shape": np.array([1, ANCHORS, 91]),
    }
    rows = [
        ("Mul", ["image", "half"], ["scaled"], {}),
        ("Sub", ["scaled", "one"], ["shifted"], {}),
        ("Conv", ["shifted", "stem"], ["a"], {"strides": [4, 4], "name": "stem"}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", "trunk"], ["c"], {"strides": [4, 4], "name": "trunk"}),
        ("Relu", ["c"], ["d"], {}),
        ("Conv", ["d", "boxes_w"], ["e"], {"name": "box head"}),
        ("Reshape", ["e", "boxes_shape"], ["boxes"], {}),
        ("Conv", ["d", "classes_w"], ["f"], {"strides": [2, 2], "name": "class head"}),
        ("Reshape", ["f", "classes_shape"], ["g"], {}),
        ("Sigmoid", ["g"], ["scores"], {}),
    ]
    model = build(rows, {"image": [1, 3, SIDE, SIDE]}, {"boxes": None, "scores": None}, weights)
    path = tmp_path / "ssd.onnx"
    onnx.save(ir.to_proto(model), path)
    return path


def test_it_is_known_again(ssd: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "images").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), rng.integers(0, 256, (50, 70, 3), np.uint8))
    detector = load(ssd)
    assert detector.family.name == "ssd-mobilenet" and "80 classes" in detector.reason
    assert detector.family.pixels and not detector.family.converter
    recipe = load_recipe("w8a8")
    recipe = replace(recipe, steps=tuple(step for step in recipe.steps if step.name != "placement"))  # needs a clock
    result = quantize(detector, tmp_path / "images", recipe=recipe, calib=4)
    assert result.report["int8"]["operators"] > 0
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / "model.onnx")
    assert again.is_quantized and again.family.name == "ssd-mobilenet" and again.family.num_classes == 80
    assert again.family.pixels and not again.family.converter
