"""The typed report, and the JSON that is made from it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detquant.calibration import Note
from detquant.report.files import to_json
from detquant.report.project import Project
from detquant.report.row import Row


def of_json(report):
    return json.loads(to_json(report.figures()))


def test_what_scripts_read(report):
    found = of_json(report)
    accuracy = {"ap": 37.3, "ap50": 52.6, "ap75": 40.5}
    assert found["float"] == {**accuracy, "latency_ms": 80.0, "size_bytes": 12_800_000, "zipped_bytes": None}
    assert found["quantized"]["ap"] == 36.9 and found["drop"] == pytest.approx(0.4) and found["agreement"] is None
    assert found["int8"] == {"operators": 62, "of": 98, "macs_percent": 97.25, "weight_only": 0}
    assert found["calibration"] == {"images": 128, "seconds": 12.34, "peak_rss_mb": 456.7}
    assert found["files"] == [{"file": "model.onnx", "size_bytes": 3_200_000, "sha256": "ef" * 32}]
    assert found["skipped"] == [{"path": "a.jpg", "reason": "a.jpg is cut short"}]
    assert found["sqnr_db"]["exact"] is None and found["decisions"] == {"taken": {}}
    assert found["detquant_version"] == "0.1.0" and found["recipe"] == "w8a8" and found["plan_digest"] == "cd" * 32


def test_notes_are_told_apart_by_who_says_them_and_not_by_their_words(report):
    found = of_json(report)
    assert found["runtime"] == ["It ran."] and found["guard"] == ["guard: c1"]
    assert found["notes"] == ["guard: damage is left", "Boxes are from a file."]
    guard = {"step": "guard", "stage": "choices", "operators": ["c1"], "cost": 0.5, "sentence": "guard: c1"}
    guard["curve"] = None
    assert guard in found["rows"][1]["noted"]
    assert found["noted"][0]["step"] == "data" and found["noted"][0]["stage"] is None
    words = tuple(replace(note, sentence=f"other words {n}") for n, note in enumerate(report.rows[1].notes))
    told = of_json(replace(report, rows=(report.rows[0], replace(report.rows[1], notes=words))))
    assert (told["runtime"], told["guard"]) == (["other words 0"], ["other words 1"])


def test_each_row_has_the_same_keys_and_what_was_decided_stands_once(report):
    first, row = of_json(report)["rows"]
    assert set(first) == set(row) and row["files"] == ["model.onnx"] and row["file"] == "model.onnx"
    assert row["ratio"] == 0.5 and row["sha256"] == "ef" * 32 and first["files"] == [] and first["file"] is None
    several = of_json(replace(report, about=None))
    assert "decisions" not in several and several["rows"][1]["decisions"] == {"taken": {}}
    assert "decisions" not in several["rows"][0] and several["rows"][1]["int8"]["of"] == 98


def test_a_row_of_what_failed(report):
    failed = Row(name="naive", title="naive", target="ort", precision="int8", failure="It fails.")
    found = of_json(replace(report, rows=(report.rows[0], failed)))["rows"][1]
    assert found["failure"] == "It fails."
    assert {
        found[key] for key in ("ap", "ap50", "agreement", "latency_ms", "ratio", "size_bytes", "zipped_bytes", "file")
    } == {None}


def test_a_row_by_its_name(report):
    assert report.row("quantized") is report.subject and report.reference.name == "float"
    with pytest.raises(KeyError):
        report.row("gone")


def test_the_guard_speaks_of_what_it_kept_only_where_that_is_in_float(report):
    """Where all is integers it names the guilty, and they stay."""
    named = Note(step="guard", sentence="guard: c9, and chip has no float for it", operators=("c9",), cost=0.5)
    row = replace(report.rows[1], notes=(named,))
    assert row.kept_by("guard") == []
    assert named.sentence in of_json(replace(report, rows=(report.rows[0], row)))["notes"]


def test_a_workflow(report):
    project = Project(
        name="n", description="d", target="ort", recipe="w8a8", data="coco", threads=1, models=(report, report)
    )
    found = json.loads(to_json(project.figures()))
    assert found["workflow"] == "n" and [one["decisions"] for one in found["models"]] == [{"taken": {}}] * 2
    assert found["models"][0]["measure"] == "ap" and found["models"][0]["predictions"] == []
