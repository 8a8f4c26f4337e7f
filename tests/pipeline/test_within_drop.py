"""A drop that is named, kept as measured, or said not to be reached."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import detquant
from detquant.cli import main
from detquant.data.scenes import open_scenes
from detquant.errors import DatasetError, OptionError
from detquant.numerics import QType
from detquant.pipeline import within_drop as module
from detquant.pipeline.quantize import quantize
from detquant.pipeline.within_drop import is_best
from detquant.recipes import load_recipe
from detquant.report.saved import report_of
from detquant.search import max_drop

PLAIN = load_recipe("w8a8")
NARROW = replace(
    PLAIN,
    name="w3a8-plain",
    steps=(),
    rules=tuple(replace(rule, weight=replace(rule.weight, qtype=QType(3))) for rule in PLAIN.rules),
)


@pytest.fixture
def losses(tmp_path):
    """Losses of the embedded detector."""
    folder = tmp_path / "losses"
    data = open_scenes(calibration=4, validation=4)
    found = detquant.sensitivity(
        "yolov8-pico", data, recipe=NARROW, widths=(3, 8), activations=(8,), images=1, calib=4, jobs=1
    )
    found.save(folder)
    return folder


def within(losses, limit, **more):
    data = open_scenes(calibration=4, validation=4)
    options = {"recipe": NARROW, "calib": 4, "jobs": 1, "sensitivity": losses, **more}
    return quantize("yolov8-pico", data, max_drop=limit, **options)


@pytest.mark.slow
def test_a_drop_is_kept_as_measured_and_what_was_tried_is_told(losses, monkeypatch):
    monkeypatch.setattr(max_drop, "CLOSE", 0.2)
    monkeypatch.setattr(max_drop, "BACK", 2)
    result = within(losses, 3.0)
    report = result.report
    assert result.missed is None and report.drop <= 3.0 + 1e-9
    first, [taken] = report.tried[0], [one for one in report.tried if one.taken]
    assert first.title == "as the recipe says" and first.drop > 3.0 and first.base_percent == 100
    assert taken.drop == pytest.approx(report.drop) and taken.size_bytes == result.artefact.size_bytes
    assert 0 < taken.base_percent < 100 and taken.zipped_bytes == result.artefact.zipped_bytes()
    assert any(one.best for one in report.tried)
    bits = {name: grid.qtype.bits for name, grid in result.model.weights.items()}
    assert {one.name: one.bits for one in report.widths.given if one.is_weight and one.bits} == bits
    assert "max drop" in " ".join(note.sentence for note in report.subject.notes)
    assert report_of(json.loads(json.dumps(report.figures()))).tried == report.tried
    again = quantize(
        "yolov8-pico", open_scenes(calibration=4, validation=4), recipe=result.recipe, calib=4, val_limit=1
    )
    assert {name: grid.qtype.bits for name, grid in again.model.weights.items()} == bits


def test_a_drop_that_cannot_be_reached_gives_the_best_and_says_so(square_model, square_data, monkeypatch):
    monkeypatch.setattr(module, "ladder", lambda table, base, floats: [])
    monkeypatch.setattr(module._Meter, "_measured", lambda self, product: (9.0, 1.0))
    result = quantize(square_model, square_data(images=4), max_drop=0.0, recipe=NARROW, calib=2, jobs=1)
    assert result.missed and "was not reached on ort" in result.missed and "It is written" in result.missed
    assert result.report.warnings[0] == result.missed and result.artefact.files
    assert [one.taken for one in result.report.tried] == [True]


def test_the_command_ends_with_two_where_it_was_not_reached(square_model, square_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = ["quantize", str(square_model), "--data", str(square_data(images=4)), "--calib", "2", "--jobs", "1"]
    assert main([*common, "--max-drop", "50", "--out", "good"]) == 0
    assert "max drop" in capsys.readouterr().out and (tmp_path / "good" / "recipe.toml").exists()
    monkeypatch.setattr(module._Meter, "_measured", lambda self, product: (9.0, 1.0))
    assert main([*common, "--max-drop", "1", "--out", "bad"]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("detquant: A drop of at most 1 points of AP was not reached")
    assert (tmp_path / "bad" / "model.onnx").exists()


def test_labels_are_needed_and_bounds_hold(square_model, square_data):
    images = square_data(images=4).parent / "images" / "val"
    with pytest.raises(DatasetError, match="no drop can be measured"):
        quantize(square_model, images, max_drop=1, calib=2, jobs=1)
    with pytest.raises(OptionError, match="max_drop is -1"):
        quantize(square_model, images, max_drop=-1)


def test_a_model_that_another_beats_in_all_is_not_best(report):
    tried = [
        module.Tried(
            title=title, drop=drop, size_bytes=size, zipped_bytes=size, base_percent=0, float_percent=0, latency_ms=1
        )
        for title, drop, size in (("a", 1.0, 10), ("b", 0.5, 20), ("c", 1.0, 20), ("d", 1.0, 10))
    ]
    assert [is_best(one, tried) for one in tried] == [True, True, False, True]
