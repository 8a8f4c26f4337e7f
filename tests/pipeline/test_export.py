from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

import detquant
from detquant.cli import main
from detquant.errors import TargetError
from detquant.pipeline import export as module
from detquant.pipeline.export import export
from detquant.report.owned import RECORD
from detquant.targets import TARGETS, load_target

RUNTIMES = {"openvino": "openvino", "tflite": "ai_edge_litert"}


def needs(target):
    """Skips where the target's runtime is not installed."""
    if target in RUNTIMES:
        pytest.importorskip(RUNTIMES[target], reason=f"the extra {target} is not installed")


@pytest.mark.parametrize("target", [name for name in TARGETS if not load_target(name).integer_only])
def test_a_float_model_in_each_format(square_model, target, tmp_path, capsys):
    needs(target)
    out, figures = tmp_path / "out", tmp_path / "f.json"
    assert main(["export", str(square_model), "--target", target, "--out", str(out), "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())
    assert found["difference"] < (1e-3 if found["precision"] == "fp16" else 1e-4)
    assert {path.name for path in out.iterdir()} == {*found["files"], RECORD}
    assert 0 < found["zipped_bytes"] < found["size_bytes"]
    assert found["size_bytes"] == sum((out / name).stat().st_size for name in found["files"])
    assert set(found["files"]) <= set(load_target(target).writes)
    assert "Written to" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["int8", "INT8", "uint8", "i8", "w8a8", "int8-full"])
def test_integers_are_what_quantize_makes(square_model, tmp_path, capsys, precision):
    out = tmp_path / "out"
    command = ["export", str(square_model), "--target", "tflite", "--precision", precision, "--out", str(out)]
    assert main(command) == 2 and not out.exists()
    said = capsys.readouterr().err
    assert f"'{precision}' is no precision of a float model (fp32, fp16)" in said
    assert "quantize makes integers of them:  detquant quantize MODEL --data DATA --target tflite" in said


def test_a_place_that_takes_no_integers_says_so_of_a_precision_too():
    [place] = [one for one in map(load_target, TARGETS) if one.float_only][:1]
    with pytest.raises(TargetError, match=f"Target {place.name} takes no INT8 model"):
        place.require("int8")


def test_a_model_that_computes_something_else_is_not_written(square_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_difference", lambda *_: 0.5)
    with pytest.raises(TargetError, match="computes something else on ort: its boxes or scores are off"):
        export(detquant.load(square_model), "ort")
    out = tmp_path / "out"
    assert main(["export", str(square_model), "--target", "ort", "--out", str(out)]) == 2
    assert not out.exists() or not list(out.iterdir())


def test_evaluating_on_another_runtime(square_model, square_data, tmp_path):
    figures = tmp_path / "f.json"
    command = ["evaluate", str(square_model), "--data", str(square_data()), "--target", "opencv"]
    assert main([*command, "--json", str(figures)]) == 0
    assert json.loads(figures.read_text())["ap"] == pytest.approx(100)


@pytest.mark.parametrize("target", ["openvino", "opencv", "tflite"])
def test_quantizing_for_another_runtime(square_model, square_data, target, tmp_path):
    needs(target)
    result = detquant.quantize(square_model, square_data(), target=target, calib=4)
    before, after = result.report.rows
    assert result.report.target == after.target == target and before.value("ap") == pytest.approx(100)
    assert after.value("ap") > 90 and np.isfinite(after.latency_ms)


def test_the_targets_are_listed(tmp_path, capsys):
    figures = tmp_path / "t.json"
    assert main(["targets", "--json", str(figures)]) == 0
    rows = {row["name"]: row for row in json.loads(figures.read_text())["targets"]}
    assert rows.keys() == TARGETS.keys() and rows["ort"]["version"]
    assert all((row["version"] is None) == bool(row["missing"]) for row in rows.values())
    assert "onnx" in capsys.readouterr().out.lower()


@pytest.mark.parametrize("target", ["ort", "opencv"])
def test_half_precision_halves_the_file(square_model, target):
    detector = detquant.load(square_model)
    full, half = (export(detector, target, precision=precision).artefact for precision in ("fp32", "fp16"))
    weights = {one.data_type for one in onnx.load_from_string(half.files["model.onnx"]).graph.initializer}
    assert onnx.TensorProto.FLOAT not in weights and half.size_bytes < full.size_bytes
