"""A float model that finds nothing stops the work before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import detquant
from detquant.cli import main
from detquant.data import open_dataset
from detquant.errors import DatasetError, ModelError
from detquant.families import Detections
from detquant.pipeline.choose import choose
from detquant.pipeline.detector import load
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.doctor.unlabelled import glance
from detquant.pipeline.evaluate import evaluate


def blinded(model: onnx.ModelProto, path: Path, bias: float = -30.0, classes: int = 80) -> Path:
    """The detector of squares with the scores of so many classes near 0, or near 1, whatever the image."""
    for one in model.graph.initializer:
        if one.name.startswith(("h8", "h16", "h32")):
            one.CopyFrom(numpy_helper.from_array(np.zeros(one.dims, np.float32), one.name))
        if one.name.startswith(("b8", "b16", "b32")):
            values = numpy_helper.to_array(one).copy()
            values[4 : 4 + classes] = bias
            one.CopyFrom(numpy_helper.from_array(values, one.name))
    onnx.save(model, path)
    return path


def test_a_sound_model_is_quantised(square_model: Path, square_data: Callable[..., Path]) -> None:
    result = detquant.quantize(square_model, square_data(), calib=4)
    assert result.report.figures()["reading"] == "rgb 0..1 letterbox cxcywh pixels chances"
    assert not any("--reads" in one for one in result.report.figures()["warnings"])


def test_a_wrong_reading_stops_and_is_named(
    square_model: Path, square_data: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--data", str(square_data(6)), "--calib", "4", "--out", str(tmp_path / "out")]
    assert main(["quantize", str(square_model), *told, "--reads", "parts"]) == 2
    said = capsys.readouterr().err
    assert "read wrongly" in said and "--reads pixels" in said and "--force" in said
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
    assert main(["quantize", str(square_model), *told, "--reads", "parts", "--force"]) == 0
    assert "--reads pixels" in capsys.readouterr().out
    assert load(tmp_path / "out/model.onnx").family.reading["unit"] == "parts"


def test_choose_stops_too(square_model: Path, square_data: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="--reads pixels"):
        choose(load(square_model, reads="parts"), open_dataset(square_data(6)))


def test_nothing_found_stops(square_proto: onnx.ModelProto, square_data: Callable[..., Path], tmp_path: Path) -> None:
    blind, data = blinded(square_proto, tmp_path / "blind.onnx"), square_data(6)
    with pytest.raises(ModelError, match=r"finds nothing: AP50 is 0\.0 on 6 images with 12 objects"):
        detquant.quantize(blind, data, calib=4)
    with pytest.raises(ModelError, match="confident of nothing in any of 6 images"):
        detquant.quantize(blind, data.parent / "images/val", calib=4)
    assert "finds nothing" in detquant.quantize(blind, data, calib=4, force=True).report.figures()["warnings"][0]


def test_evaluate_says_so(square_model: Path, square_data: Callable[..., Path]) -> None:
    data = open_dataset(square_data())
    assert not evaluate(load(square_model), data).warnings
    [said] = evaluate(load(square_model, reads="parts"), data).warnings
    assert "finds nothing" in said and "doctor" in said


def test_few_objects_do_not_stop(
    square_proto: onnx.ModelProto, square_data: Callable[..., Path], tmp_path: Path
) -> None:
    detector = load(blinded(square_proto, tmp_path / "blind.onnx"))
    assert require_sound(detector, open_dataset(square_data(3))) == []


def test_everything_found_is_said(
    square_proto: onnx.ModelProto, square_data: Callable[..., Path], tmp_path: Path
) -> None:
    detector = load(blinded(square_proto, tmp_path / "sure.onnx", bias=30.0, classes=4))
    [said] = require_sound(detector, open_dataset(square_data(6).parent / "images/val"))
    assert "confident of too much" in said


def test_classes_that_are_not_the_models(square_model: Path, square_data: Callable[..., Path]) -> None:
    data = open_dataset(square_data())
    few = replace(data, classes=("a", "b"), ground_truth={**(data.ground_truth or {}), "categories": []})
    with pytest.raises(DatasetError, match="classes"):
        require_sound(load(square_model), few)


def test_what_says_the_same_of_all_images_is_told() -> None:
    one = Detections(np.array([[1, 2, 30, 40]], np.float32), np.array([0.9], np.float32), np.array([3]))
    other = Detections(one.xyxy + 100, one.confidence, one.class_id)
    assert "same object" in glance([one] * 8).complaint
    assert not glance([one, other] * 4).complaint
    assert "almost nothing" in glance([one, *[Detections.empty()] * 20]).complaint


def test_a_classifier_is_no_patient() -> None:
    with pytest.raises(ModelError, match="--preprocess"):
        from detquant.pipeline.doctor import diagnose

        diagnose(load("resnet-pico"), open_dataset("crops"))


def test_the_command(square_model: Path, square_data: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = str(square_data(6))
    assert main(["doctor", str(square_model), "--data", data]) == 0
    assert "as now: rgb 0..1 letterbox" in capsys.readouterr().out
    assert main(["doctor", str(square_model), "--data", data, "--reads", "-1..1 parts"]) == 2
    shown = capsys.readouterr()
    assert "read as" in shown.out and "pixels" in shown.err
    assert main(["doctor", str(square_model), "--data", data, "--reads", "bgrr"]) == 2
    assert "did you mean 'bgr'" in capsys.readouterr().err
