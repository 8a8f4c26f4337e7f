"""NNCF as an engine: same images, same report, its own decisions."""

from __future__ import annotations

import sys

import pytest

from detquant.cli import main
from detquant.errors import MissingExtra, ModelError, RecipeError, TargetError
from detquant.pipeline.detector import load
from detquant.pipeline.engines import load_engine
from detquant.pipeline.quantize import quantize

HERE = pytest.importorskip("nncf", reason="the extra bench is not installed")


@pytest.mark.parametrize("target", ["ort", "openvino"])
def test_its_model_goes_through_the_same_measurements(square_model, square_data, target, tmp_path):
    result = quantize(square_model, square_data(images=6), target=target, engine="nncf", calib=4)
    report = result.report.figures()
    assert report["engine"] == "nncf" and report["target"] == target and result.model is None
    assert report["quantized"]["ap"] > 90 and report["calibration"]["images"] == 4
    assert report["notes"][0].startswith("Quantised by NNCF ")
    result.save(tmp_path / "out")
    again = load(tmp_path / "out" / next(iter(result.artefact.files)))
    assert again.is_quantized and again.family.name == "yolov8"
    assert "Quantised by NNCF" in (tmp_path / "out" / "report.md").read_text()


def test_a_target_that_it_does_not_know_is_refused(square_model, square_data, capsys):
    assert (
        main(["quantize", str(square_model), "--data", str(square_data()), "--target", "opencv", "--engine", "nncf"])
        == 2
    )
    assert "NNCF makes models for ort and openvino, not for opencv" in capsys.readouterr().err


def test_its_failure_is_one_sentence(square_model, square_data, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no\nway.")

    monkeypatch.setattr("nncf.quantize", fail)
    with pytest.raises(ModelError, match=r"^NNCF fails with RuntimeError: no way\.$"):
        quantize(square_model, square_data(), engine="nncf", calib=2)


def test_without_it_the_command_is_named(square_model, square_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    monkeypatch.setattr("detquant.pipeline.engines.nncf.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"detquant\[bench\]"):
        quantize(square_model, square_data(), engine="nncf", calib=2)


def test_an_unknown_engine_is_refused():
    with pytest.raises(RecipeError, match="Unknown engine 'nncv': did you mean 'nncf'"):
        load_engine("nncv")


def test_targets_are_checked_before_work(square_model):
    from detquant.pipeline.engines.nncf import quantize_for

    with pytest.raises(TargetError, match="not for tflite"):
        quantize_for("tflite", load(square_model), [])
