from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detquant.cli import main
from detquant.errors import TargetError
from detquant.pipeline.choose import choose, is_best, most_to_see, save_choice
from detquant.pipeline.saved_runs import report_page
from detquant.report.remarks import report_remarks
from detquant.report.row import Row
from detquant.targets import TARGETS, load_target
from detquant.targets.opencv import OpenCv


def row(ap, latency, size):
    figures = {"accuracy": {"ap": ap}, "latency_ms": latency, "size_bytes": size}
    return Row(name="a", title="a", target="ort", precision="fp32", **figures)


def test_best_is_what_nothing_beats_in_everything():
    rows = [row(40, 10, 9), row(39, 5, 3), row(39, 6, 3), row(38, 9, 1), row(40, 10, 9), row(37, 9, 2)]
    assert [is_best(one, rows, "ap") for one in rows] == [True, True, False, True, True, False]


def test_every_runtime_that_is_here(square_model, square_data, tmp_path, capsys):
    figures = tmp_path / "c.json"
    command = ["choose", str(square_model), "--data", str(square_data()), "--calib", "4", "--json", str(figures)]
    out = tmp_path / "out"
    assert main([*command, "--out", str(out)]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert report_page([out]) == report_page([figures]) == page and "beaten by none" in page
    found = json.loads(figures.read_text())
    here = {name for name in TARGETS if load_target(name).missing() is None and not load_target(name).variant_of}
    assert {one["target"] for one in found["rows"]} == here and found["measure"] == "ap"
    for name in here:
        precisions = {one["precision"] for one in found["rows"] if one["target"] == name}
        recipe = set() if load_target(name).emulates else {"w8a8"}
        recipe |= {"w8"} if load_target(name).capability.weight_only else set()
        assert recipe | set(load_target(name).precisions) <= precisions
    absent = [name for name in TARGETS if load_target(name).missing() is not None]
    assert any(one["best"] for one in found["rows"]) and len(found["notes"]) >= len(absent)
    assert all(one["ap"] > 90 and one["latency_ms"] > 0 and one["size_bytes"] > 0 for one in found["rows"])
    assert "ort w8a8" in capsys.readouterr().out


def test_without_labels_and_with_a_runtime_that_refuses(square_model, square_data, tmp_path, monkeypatch):
    def refuse(*_):
        raise TargetError("It does not want to.")

    monkeypatch.setattr(OpenCv, "open", refuse)
    figures = tmp_path / "c.json"
    images = square_data().parent / "images/val"
    assert main(["choose", str(square_model), "--data", str(images), "--calib", "4", "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())
    assert found["measure"] == "agreement" and found["rows"][0]["agreement"] == pytest.approx(100)
    assert "opencv: It does not want to." in found["notes"]


def test_where_no_runtime_takes_the_model_it_is_said_why(square_model, square_data, monkeypatch, capsys):
    def refuse(*_):
        raise TargetError("It does not want to.")

    monkeypatch.setattr("detquant.pipeline.choose.TARGETS", ("opencv",))
    monkeypatch.setattr(OpenCv, "open", refuse)
    assert main(["choose", str(square_model), "--data", str(square_data()), "--calib", "2"]) == 2
    assert "No runtime here runs the model. opencv: It does not want to." in capsys.readouterr().err


def test_decisions_are_taken_again(square_model, square_data, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("detquant.pipeline.choose.TARGETS", ("ort", "openvino"))
    monkeypatch.setenv("DETQUANT_CACHE", "")
    figures, again = tmp_path / "c.json", tmp_path / "again.json"
    command = ["choose", str(square_model), "--data", str(square_data()), "--calib", "2", "--json"]
    clock(0.5)
    assert main([*command, str(figures)]) == 0
    first = {(one["target"], one["precision"]): one for one in json.loads(figures.read_text())["rows"]}
    assert "stem" in first["ort", "w8a8"]["decisions"]["taken"]["placement"]["kept_float"]
    assert "decisions" not in first["ort", "fp32"]
    asked = clock(2.0)
    assert main([*command, str(again), "--decisions", str(figures)]) == 0 and not asked
    found = json.loads(again.read_text())
    for one in found["rows"]:
        before = first[one["target"], one["precision"]]
        assert (one["size_bytes"], one.get("decisions")) == (before["size_bytes"], before.get("decisions"))
    assert not any("by the clock" in note for note in found["notes"])


def test_decisions_about_one_of_the_rows(square_model, square_data, tmp_path, clock, monkeypatch, capsys):
    monkeypatch.setattr("detquant.pipeline.choose.TARGETS", ("ort", "openvino"))
    monkeypatch.setenv("DETQUANT_CACHE", "")
    figures, given = tmp_path / "c.json", [str(square_model), "--data", str(square_data()), "--calib", "2"]
    clock(0.5)
    assert main(["quantize", *given, "--out", str(tmp_path / "q")]) == 0
    report = tmp_path / "q" / "report.json"
    asked = clock(2.0)
    assert main(["choose", *given, "--decisions", str(report), "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())
    decided = {(one["target"], one["precision"]): one.get("decisions") for one in found["rows"]}
    assert decided["ort", "w8a8"] == json.loads(report.read_text())["decisions"]
    said = [note for note in found["notes"] if "they were taken by the clock" in note]
    if ("openvino", "w8a8") in decided:
        assert any("has no decisions about openvino w8a8" in note for note in said) and asked
    assert not any("about ort w8a8" in note for note in said)
    capsys.readouterr()
    assert main(["choose", *given, "--recipe", "w8a8-symmetric", "--decisions", str(report)]) == 2
    assert "about the recipe 'w8a8', and this one is 'w8a8-symmetric'" in capsys.readouterr().err


def test_the_page_of_a_choice_has_its_pictures(square_model, square_data, tmp_path, monkeypatch):
    """Every box is made to have moved, so that there is something to show."""
    data, out = square_data(images=6), tmp_path / "out"
    model = str(square_model)
    monkeypatch.setattr("detquant.evaluation.changes.MOVED", 1.1)
    given = ["choose", model, "--data", str(data), "--targets", "ort", "--calib", "2", "--out", str(out)]
    assert main(given) == 0
    seen = json.loads((out / "report.json").read_text())["evidence"]["seen"]
    assert seen and all((out / one["file"]).is_file() for one in seen)
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(seen) and "is not on the page" not in page


def test_evidence_is_shown_of_the_fastest_quantised_row_that_none_beats(square_model, square_data):
    found = choose(square_model, square_data(images=6), targets=["ort"], calib=2, confidence=0.3)
    evidence = found.evidence
    made = [row for row in found.rows if row.quantization]
    best = [row for row in made if row.best] or made
    assert evidence.row == min(best, key=lambda row: row.latency_ms).name and evidence.thresholds.asked == 0.3
    assert all(one.file is None for one in evidence.seen)
    assert any(one.startswith(f"{evidence.row}: at a threshold of 0.3") for one in report_remarks(found))


def test_pictures_of_an_earlier_choice_do_not_stay(report, tmp_path):
    save_choice(report, {"pictures/00.jpg": b"earlier"}, tmp_path)
    assert (tmp_path / "pictures/00.jpg").exists()
    save_choice(report, {}, tmp_path)
    assert not (tmp_path / "pictures/00.jpg").exists() and (tmp_path / "report.html").exists()


def test_no_quantised_row_no_evidence(report):
    made = report.rows[1]
    assert most_to_see(report.rows, "ap") == made.name
    assert most_to_see((report.rows[0], replace(made, quantization=None)), "ap") is None
    assert most_to_see((report.rows[0], replace(made, accuracy=None)), "ap") is None
