"""An SSD whose graph normalises its input goes all the way, and is known again by its quantised file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.families.tf_input import AS_IT_IS, CENTRED
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
    assert detector.family.form == AS_IT_IS and detector.family.converter == "none"
    recipe = load_recipe("w8a8")
    recipe = replace(recipe, steps=tuple(step for step in recipe.steps if step.name != "placement"))  # needs a clock
    result = quantize(detector, tmp_path / "images", recipe=recipe, calib=4)
    assert result.report.figures()["int8"]["operators"] > 0
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / "model.onnx")
    assert again.is_quantized and again.family.name == "ssd-mobilenet" and again.family.num_classes == 80
    assert again.family.form == AS_IT_IS and again.family.converter == "none"
    told = {"detquant.input_range": "0..255", "detquant.score_converter": "none"}
    assert told.items() <= again.imported.metadata.items()


@pytest.fixture
def postprocessed(tmp_path: Path, build) -> Path:
    """TFLite's four outputs: of 64 cells the 9 brightest are boxes, of the class that is likeliest there."""
    rng = np.random.default_rng(2)
    row, column = np.mgrid[:8, :8].reshape(2, -1) / 8
    weights = {
        "stem": rng.normal(0, 0.3, (CHANNELS, 3, 8, 8)).astype(np.float32),
        "heads": rng.normal(0, 3, (80, CHANNELS, 1, 1)).astype(np.float32),
        "flat": np.array([1, 80, 64]),
        "nine": np.array([9]),
        "cells": np.stack([row, column, row + 1 / 8, column + 1 / 8], axis=1)[None].astype(np.float32),
        "shape": np.array([1, 9, 4]),
        "count": np.array([9], np.float32),
    }
    rows = [
        ("Conv", ["image", "stem"], ["a"], {"strides": [8, 8], "name": "stem"}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", "heads"], ["c"], {"name": "heads"}),
        ("Sigmoid", ["c"], ["d"], {}),
        ("Reshape", ["d", "flat"], ["e"], {}),
        ("ReduceMax", ["e", "axis"], ["f"], {"keepdims": 0}),
        ("ArgMax", ["e"], ["g"], {"axis": 1, "keepdims": 0}),
        ("TopK", ["f", "nine"], ["scores", "h"], {}),
        ("GatherElements", ["g", "h"], ["i"], {"axis": 1}),
        ("Cast", ["i"], ["classes"], {"to": 1}),
        ("Squeeze", ["h", "zero"], ["j"], {}),
        ("Gather", ["cells", "j"], ["boxes"], {"axis": 1}),
        ("Identity", ["count"], ["number"], {}),
    ]
    weights |= {"axis": np.array([1]), "zero": np.array([0])}
    outputs: dict = {"boxes": [1, 9, 4], "classes": [1, 9], "scores": [1, 9], "number": [1]}
    path = tmp_path / "done.onnx"
    onnx.save(ir.to_proto(build(rows, {"image": [1, 3, SIDE, SIDE]}, outputs, weights)), path)
    return path


def test_what_the_graph_suppresses_itself_is_guarded_by_object_not_by_row(postprocessed: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "images").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), rng.integers(0, 256, (50, 70, 3), np.uint8))
    detector = load(postprocessed)
    assert detector.family.name == "ssd-postprocessed" and detector.family.form == CENTRED
    recipe = load_recipe("w8a8")
    recipe = replace(recipe, steps=tuple(step for step in recipe.steps if step.name != "placement"))  # needs a clock
    result = quantize(detector, tmp_path / "images", recipe=recipe, calib=4)
    assert result.report.figures()["int8"]["operators"] > 0
    assert result.report.figures()["agreement"]["f1"] > 0.5
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / "model.onnx")
    assert again.family.name == "ssd-postprocessed"
    told = {"detquant.input_range": "-1..1", "detquant.label_base": "0"}
    assert told.items() <= again.imported.metadata.items()


@pytest.mark.parametrize("name", ["ssd", "postprocessed"])
def test_in_integers_only_it_is_decoded_on_the_host(name: str, request, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    rng = np.random.default_rng(1)
    (tmp_path / "images").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), rng.integers(0, 256, (50, 70, 3), np.uint8))
    detector = load(request.getfixturevalue(name))
    result = quantize(detector, tmp_path / "images", target="edgetpu", calib=4)
    assert set(result.artefact.files) == {"model.tflite", "decode.onnx"}
    assert set(result.report.figures()["kept_float"].values()) == {"decode tail"}
    assert result.report.figures()["agreement"]["f1"] > 0.5
    assert any("operators on the Edge TPU" in said for said in result.report.figures()["runtime"])
