"""decode.json, and the threshold that predict takes from a file or from what is beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import onnx
import pytest

from detquant.cli import main
from detquant.errors import ModelError
from detquant.families import CONFIDENCE, THRESHOLD
from detquant.pipeline.decode_file import threshold_of
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import evaluate
from detquant.pipeline.predict import predict, threshold_for
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

WHOLE = replace(load_recipe("w8a8"), steps=())


@pytest.fixture
def folder(square_model, square_data, tmp_path):
    """A run's folder, and its result."""
    result = quantize(square_model, square_data(images=6), recipe=WHOLE, calib=2, confidence=0.4)
    result.save(tmp_path / "out")
    return tmp_path / "out", result


def retold(path, value):
    """The file with another threshold; None for none."""
    model = onnx.load(path)
    kept = [(one.key, one.value) for one in model.metadata_props if one.key != THRESHOLD]
    del model.metadata_props[:]
    for key, word in [*kept, *([(THRESHOLD, value)] if value is not None else [])]:
        model.metadata_props.add(key=key, value=word)
    onnx.save(model, path)
    return load(path)


def test_what_another_program_needs(folder):
    out, result = folder
    told = json.loads((out / "decode.json").read_text())
    content = (out / "model.onnx").read_bytes()
    assert told["files"] == [
        {"file": "model.onnx", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    ]
    assert told["digest"] == result.report.subject.digest and len(content) == result.report.subject.size_bytes
    assert (told["family"], told["task"], told["nms_iou"], told["max_detections"]) == ("yolov8", "detect", 0.7, 300)
    assert told["input"] == {"name": "images", "width": 96, "height": 96, "reading": told["input"]["reading"]}
    assert told["input"]["reading"].startswith("rgb 0..1 letterbox") and told["classes"][:2] == ["person", "bicycle"]
    assert told["outputs"] == {"output0": [1, 84, 189]}
    chosen = result.report.evidence.thresholds
    assert told["confidence"] == {"float": 0.4, "quantized": chosen.proposed, "keeps": "recall"} and chosen.asked == 0.4


def test_the_file_tells_its_threshold_and_predict_takes_it(folder, square_data):
    out, result = folder
    detector = load(out / "model.onnx")
    value, said = threshold_of(detector)
    assert value == result.report.evidence.thresholds.proposed and "the threshold in the file, at which" in said
    assert threshold_for(detector, None) == (value, [said]) and threshold_for(detector, 0.1) == (0.1, [])
    high = retold(out / "model.onnx", "0.99999999")
    photo = square_data(images=1).parent / "images/val/v0.png"
    assert [len(one.detections) for one in predict(high, photo)] == [0]
    assert [len(one.detections) for one in predict(high, photo, confidence=0.25)] == [2]


@pytest.mark.parametrize("value", ["2", "-0.1", "NaN", "true", "often", '"0.2"', "[0.2]"])
def test_a_threshold_that_is_none_is_refused_where_it_would_be_taken(folder, value):
    out, _ = folder
    detector = retold(out / "model.onnx", value)
    with pytest.raises(ModelError, match=r"a number from 0 to 1 was expected: give a threshold by --confidence"):
        threshold_of(detector)
    assert threshold_for(detector, 0.3) == (0.3, [])


def test_the_file_beside_is_taken_where_it_is_about_this_one(folder):
    out, _ = folder
    told = json.loads((out / "decode.json").read_text())
    detector = retold(out / "model.onnx", None)
    assert threshold_of(detector) == (CONFIDENCE, None)  # the digest is that of another file
    told["files"][0]["sha256"] = hashlib.sha256((out / "model.onnx").read_bytes()).hexdigest()
    told["confidence"]["quantized"] = 0.31
    (out / "decode.json").write_text(json.dumps(told))
    value, said = threshold_of(detector)
    assert value == 0.31 and "the threshold in decode.json beside the file, at which" in said
    for broken in ("", "[]", "{", json.dumps({**told, "confidence": None}), json.dumps({**told, "files": 3})):
        (out / "decode.json").write_text(broken)
        assert threshold_of(detector) == (CONFIDENCE, None)


def test_a_float_model_has_none(square_model):
    assert threshold_of(load(square_model)) == (CONFIDENCE, None)


def test_what_is_quantised_anew_has_no_threshold_of_other_roundings(square_model, square_data):
    given = retold(square_model, "0.123")
    data = square_data(images=2)
    nothing = quantize(given, data, recipe=WHOLE, calib=2, confidence=1.0)
    assert nothing.report.evidence.thresholds.proposed is None
    words = onnx.load_from_string(nothing.artefact.files["model.onnx"]).metadata_props
    assert THRESHOLD not in {one.key for one in words}
    assert 'quantized": null' in nothing.beside["decode.json"].decode()


def test_it_is_measured_again_as_it_was(folder, square_data):
    out, result = folder
    again = evaluate(out / "model.onnx", square_data(images=6))
    assert again.accuracy.figures() == result.report.subject.accuracy


def test_the_command_says_which_threshold_it_took(folder, square_data, tmp_path, capsys):
    out, result = folder
    photo = square_data(images=1).parent / "images/val/v0.png"
    figures = tmp_path / "found.json"
    main(["predict", str(out / "model.onnx"), str(photo), "--out", str(tmp_path / "drawn"), "--json", str(figures)])
    told = json.loads(figures.read_text())
    assert told["confidence"] == result.report.evidence.thresholds.proposed
    assert any("the threshold in the file, at which" in one for one in told["notes"])
    assert "the threshold in the file, at which" in " ".join(capsys.readouterr().out.split())
