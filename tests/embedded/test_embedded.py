from __future__ import annotations

import onnx
import pytest

from detquant.data.scenes import CLASSES, SIZE, open_crops
from detquant.embedded import MODELS, embedded_model
from detquant.errors import ModelError
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import evaluate


@pytest.mark.parametrize("name", MODELS)
def test_every_name_has_a_sound_file_and_a_sentence(name):
    onnx.checker.check_model(embedded_model(name), full_check=True)
    assert MODELS[name].description.endswith(".")
    assert embedded_model(name).stem == name


def test_an_unknown_name():
    with pytest.raises(ModelError, match=r"Unknown embedded model 'yolov8-pixo': did you mean 'yolov8-pico'\?"):
        embedded_model("yolov8-pixo")


def test_the_detector_fits_the_scenes():
    detector = load("yolov8-pico")
    family = detector.family
    assert family.name == "yolov8" and family.classes == CLASSES and (family.height, family.width) == (SIZE, SIZE)
    assert not detector.is_quantized and str(detector.imported.path) == "yolov8-pico"
    assert any(node.op_type == "BatchNormalization" for node in detector.imported.model.graph)


def test_the_classifier_fits_the_crops():
    detector = load("resnet-pico")
    assert detector.family.task == "classify" and detector.family.classes == CLASSES
    assert any(node.op_type == "BatchNormalization" for node in detector.imported.model.graph)
    parameters = sum(value.const_value.size for value in detector.model.graph.initializers.values())
    assert parameters < 300_000
    found = evaluate(detector, open_crops(calibration=1, validation=30)).accuracy
    assert found.figures()["top1"] > 75


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch, square_model):
    monkeypatch.chdir(tmp_path)
    square_model.rename("yolov8-pico")
    assert load("yolov8-pico").family.num_classes == 80


def test_a_folder_of_that_name_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolov8-pico").mkdir()
    assert load("yolov8-pico").family.classes == CLASSES


@pytest.mark.parametrize("name", ["yolov8-pcio", "yolov8-pico.onnx", "yolo8-pico"])
def test_a_name_that_is_near(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=f"'{name}' does not exist: .*, or did you mean the embedded 'yolov8-pico'"):
        load(name)


@pytest.mark.parametrize("name", ["yolov8n.onnx", "yolov8s", "runs/best.onnx"])
def test_a_file_of_ones_own_that_is_not_there(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=f"^'{name}' does not exist: expected a model file.$"):
        load(name)
