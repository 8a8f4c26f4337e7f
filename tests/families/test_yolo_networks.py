"""Networks of published topologies go all the way: known for what they are, inspected, measured, quantised."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import detquant
from detquant.graph import find_decode_tail
from detquant.pipeline.detector import Detector
from detquant.pipeline.quantize import Result

sys.path.append(str(Path(__file__).parent))

from yolo_networks.table import NETWORKS

SIDE = 96
PLAIN_RECIPE = """
name = "plain"
description = "8 bits, no steps."
head = "float"

[[rules]]
ops = ["*"]
weight = { qtype = "int8", granularity = "per_axis" }
activation = { qtype = "uint8", symmetric = false }
"""
"""A recipe that searches for nothing: what it makes of a network is there in a second."""
NEAR = 0.5
"""F1 with the float model's own detections; on noise many scores lie at the threshold."""


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noise")
    for number in range(4):
        rng = np.random.default_rng(number)
        picture = cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (SIDE, SIDE))
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.fixture(scope="session")
def plain_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "plain.toml"
    path.write_text(PLAIN_RECIPE)
    return path


@pytest.fixture
def detector(name: str, tmp_path: Path) -> Detector:
    path = tmp_path / "network.onnx"
    onnx.save(NETWORKS[name].make(SIDE), path)
    return detquant.load(path, **NETWORKS[name].options)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_known_inspected_and_measured(detector: Detector, name: str, noise: Path, plain_recipe: Path) -> None:
    family = detector.family
    assert (family.name, family.num_classes) == (NETWORKS[name].family, 5)
    tail = find_decode_tail(detector.model.graph)
    assert {node.op_type for node in tail.head_convs} == {"Conv"} and len(tail.head_convs) >= 3
    found = detquant.inspect(detector, recipe=plain_recipe)
    assert found["family"] == family.name and found["int8"]["macs_percent"] > 60
    assert detquant.evaluate(detector, noise).objects > 0


ONE_OF_EACH_HEAD = ("yolov5 raw", "yolov7 end2end", "yolov8-obb", "yolo26", "rtmdet", "yolov8 for an NPU", "rtmdet raw")


@pytest.mark.parametrize("name", ONE_OF_EACH_HEAD)
def test_it_is_quantized(detector: Detector, noise: Path, plain_recipe: Path) -> None:
    agree(detquant.quantize(detector, noise, recipe=plain_recipe))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ort", "openvino"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_default_recipe_goes_through(detector: Detector, target: str, noise: Path) -> None:
    agree(detquant.quantize(detector, noise, target=target))


def agree(result: Result) -> None:
    agreement = result.report.subject.agreement
    assert agreement is not None and agreement.f1 >= NEAR
