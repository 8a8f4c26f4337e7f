"""A recipe that keeps all in float is measured like others, and is nothing to plan."""

from __future__ import annotations

import json

import pytest

import detquant
from detquant.data import open_scenes
from detquant.errors import RecipeError, TargetError
from detquant.graph.half_precision import to_half
from detquant.recipes import load_recipe

RUNTIMES = {"ort": "onnxruntime", "openvino": "openvino", "tflite": "ai_edge_litert", "opencv": "cv2"}
SCENES = open_scenes(calibration=2, validation=2)


@pytest.mark.parametrize("target", RUNTIMES)
def test_half_precision_gives_the_file_of_export_and_a_row_of_figures(target, tmp_path):
    pytest.importorskip(RUNTIMES[target])
    result = detquant.quantize("yolov8-pico", SCENES, recipe="fp16", target=target)
    before, after = result.report.reference, result.report.subject
    assert after.precision == "fp16" and abs(result.report.drop) < 1 and result.model is None
    assert after.size_bytes < 0.75 * before.size_bytes and after.zipped_bytes < after.size_bytes
    exported = detquant.export("yolov8-pico", target, precision="fp16")
    assert result.artefact.files.keys() == exported.artefact.files.keys()
    assert 0 <= result.artefact.size_bytes - exported.artefact.size_bytes < 100  # the threshold that was found for it
    result.save(tmp_path / "half")
    found = json.loads((tmp_path / "half/report.json").read_text(encoding="utf-8"))
    assert (found["recipe"], found["calibration"]["images"], "int8" in found) == ("fp16", 0, False)
    assert "| recipe | fp16 |" in (tmp_path / "half/report.md").read_text(encoding="utf-8")


def test_a_file_that_came_in_half_precision_is_not_said_to_hold_integers(tmp_path):
    import onnx_ir as ir

    ir.save(to_half(detquant.load("yolov8-pico").model), tmp_path / "half.onnx")
    result = detquant.quantize(tmp_path / "half.onnx", SCENES, recipe="fp16", target="ort")
    assert not any("8-bit" in note.sentence for note in result.report.subject.notes)


@pytest.mark.parametrize(
    ("target", "words"),
    [("pytorch", "Unknown precision of target pytorch 'fp16'"), ("tflite-integer", "takes no float model: ")],
)
def test_a_precision_that_a_target_does_not_take_is_refused(target, words):
    with pytest.raises(TargetError, match=words):
        detquant.quantize("yolov8-pico", SCENES, recipe="fp16", target=target)


@pytest.mark.parametrize("ask", [detquant.plan, detquant.inspect])
def test_there_is_nothing_to_plan(ask):
    with pytest.raises(RecipeError, match=r"'fp16' keeps all in float \(fp16\), and there is nothing to plan"):
        ask("yolov8-pico", recipe="fp16")


def test_there_is_nothing_to_choose_besides():
    with pytest.raises(RecipeError, match="each float precision of a target has a row anyway"):
        detquant.choose("yolov8-pico", SCENES, recipe="fp16", targets=["ort"])


def test_a_recipe_in_float_rounds_nothing(tmp_path):
    assert load_recipe("fp16").precision == "fp16" and not load_recipe("fp16").calibrates
    file = tmp_path / "both.toml"
    file.write_text('precision = "fp16"\n[[rules]]\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="has both precision and rules"):
        load_recipe(file)
