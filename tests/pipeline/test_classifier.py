"""A classifier goes the same way as a detector: quantised, measured beside float, written, read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import detquant
from detquant.cli import main
from detquant.errors import ModelError
from detquant.pipeline.inspection import plan
from detquant.recipes import Step

COLOURS = {"blue": (200, 60, 60), "green": (60, 200, 60), "red": (60, 60, 200)}


@pytest.fixture
def colour_model(tmp_path: Path) -> Path:
    """Tells which of the channels is the strongest: classes blue, green, red in the order of their names."""
    rng = np.random.default_rng(0)
    weights = {
        "w": np.concatenate([np.eye(3), rng.uniform(0, 0.1, (5, 3))]).reshape(8, 3, 1, 1).astype(np.float32),
        "b": np.zeros(8, np.float32),
        "m": np.concatenate([10 * np.eye(3)[::-1], rng.uniform(-0.1, 0.1, (5, 3))]).astype(np.float32),
        "n": np.zeros(3, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "m", "n"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = tmp_path / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def colour_data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for split in ("train", "val"):
        for name, colour in COLOURS.items():
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                noise = rng.integers(-40, 41, (40, 40, 3))
                cv2.imwrite(str(folder / f"{number}.png"), np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
    return tmp_path / "data"


def test_quantized_beside_float(colour_model: Path, colour_data: Path, tmp_path: Path) -> None:
    result = detquant.quantize(detquant.load(colour_model, preprocess="unit"), colour_data, calib=6)
    report = result.report.figures()
    assert report["task"] == "classify" and report["family"] == "classifier" and report["images"] == 12
    assert report["float"]["top1"] == report["quantized"]["top1"] == 100 and report["drop"] == 0
    assert report["quantized"]["top5"] == 100 and report["agreement"] is None
    result.save(tmp_path / "out")
    assert "top-1" in (tmp_path / "out/report.md").read_text()
    # The preprocessing travels with the file.
    again = detquant.load(tmp_path / "out/model.onnx")
    assert again.family.facts() == detquant.load(colour_model, preprocess="unit").family.facts()


def test_the_layer_that_ranks_is_integer_too(colour_model: Path) -> None:
    detector = detquant.load(colour_model, family="classifier")
    decided = plan(detector, recipe="w8a8", target="ort")
    [last] = [node.name for node in detector.model.graph if node.op_type == "Gemm"]
    assert last in decided.integer and not decided.kept_float


def test_commands(colour_model: Path, colour_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "f.json"
    told = ["--preprocess", "unit", "--json", str(figures)]
    assert main(["evaluate", str(colour_model), "--data", str(colour_data), *told]) == 0
    found = json.loads(figures.read_text())
    assert found["top1"] == 100 and found["per_class"] == {"blue": 100, "green": 100, "red": 100}
    assert "top-1" in capsys.readouterr().out
    image = colour_data / "val/red/0.png"
    assert main(["predict", str(colour_model), str(image), "--out", str(tmp_path / "drawn"), *told]) == 0
    [one] = json.loads(figures.read_text())["images"]
    assert one["detections"][0]["class_id"] == 2 and Path(one["drawn"]).is_file()


def test_without_labels_guesses_are_compared(colour_model: Path, colour_data: Path) -> None:
    result = detquant.quantize(colour_model, colour_data / "val/red", preprocess="unit", calib=4)
    assert result.report.figures()["float"]["top1"] is result.report.figures()["drop"] is None
    assert result.report.figures()["agreement"] == {"top1": 100, "images": 4}


def test_a_detector_has_its_own_preprocessing(square_model: Path) -> None:
    with pytest.raises(ModelError, match="family yolov8; --preprocess is for classifiers: say by --reads"):
        detquant.load(square_model, preprocess="unit")


def test_lapq_judges_by_the_labels_of_calibration_images() -> None:
    widths = detquant.load_recipe("w4a4")
    options = {"joint": False, "quadratic": False, "powers": [2.0, 3.0], "images": 12}
    recipe = replace(widths, steps=(Step("lapq", options),))
    result = detquant.quantize("resnet-pico", "crops", recipe=recipe, calib=16, val_limit=40)
    [said] = [note for note in result.report.row("quantized").notes if note.step == "lapq"]
    assert "cross-entropy on 12 images" in said.sentence and said.cost is not None
    assert result.report.drop < 15
