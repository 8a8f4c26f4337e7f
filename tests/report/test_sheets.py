from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from detquant.calibration import Curve, Note
from detquant.evaluation.agreement import Agreement, SameGuess
from detquant.report import sheets
from detquant.report.files import to_json
from detquant.report.markdown import to_markdown
from detquant.report.remarks import report_remarks, report_warnings, skipped, slower, slower_than_float, useless
from detquant.report.saved import report_of
from detquant.report.sheets.numbers import plural
from detquant.report.table import show_quantization
from detquant.report.widths import Tried


def cells(sheet):
    return {row[0]: row[1:] for row in sheet.rows}


def changed(report, **changes):
    """The report with another quantised row."""
    return replace(report, rows=(report.rows[0], replace(report.rows[1], **changes)))


def test_float_beside_quantised(report):
    found = cells(sheets.comparison(report, report.rows[1]))
    assert found["AP"] == ("37.30", "36.90", "-0.40")
    assert found["latency"] == ("80.00 ms", "40.00 ms", "0.50×")
    assert found["size"] == ("12.80 MB", "3.20 MB", "0.25×")


def test_times_that_mean_nothing_are_not_shown(report, capsys):
    """At target verilog cycles are emulated: all is told but the emulator's milliseconds, and why."""
    sizes = {"size_bytes": 3_200_000, "zipped_bytes": 1_200_000, "base_percent": 80.0, "float_percent": 1.0}
    found = replace(report, tried=(Tried(title="w8a8", drop=0.4, latency_ms=41.0, **sizes),))
    there = replace(changed(found, target="verilog"), target="verilog")
    assert "latency" in cells(sheets.comparison(found, found.rows[1])) and "latency" in sheets.tried(found).header
    assert "latency" not in cells(sheets.comparison(there, there.rows[1]))
    assert "latency" not in sheets.tried(there).header
    assert {len(row) for row in sheets.tried(there).rows} == {len(sheets.tried(there).header)}
    assert sheets.workflow(there).rows[1][-3:] == ("–", "–", "3.20 MB")
    assert [row[2] for row in sheets.choice(there).rows] == ["80.00 ms", "–"]  # the fastest first
    assert not slower(replace(there, rows=(there.rows[0], replace(there.rows[1], ratio=3.0))))
    show_quantization(there)
    for said in (to_markdown(there), " ".join(capsys.readouterr().out.split())):
        assert said.count("Times of models on verilog are neither compared nor drawn, since the engine's time") == 1
        assert not re.search(r"\d ms", said)
    assert "neither compared nor drawn" not in to_markdown(found) and "40.00 ms" in to_markdown(found)


def test_what_a_file_takes_when_it_is_zipped(report):
    packed = changed(report, zipped_bytes=1_234_567)
    assert cells(sheets.comparison(packed, packed.rows[1]))["size"] == ("12.80 MB", "3.20 MB (zip 1.23)", "0.25×")
    assert sheets.demo(packed).rows[1][-1] == "3200 kB (zip 1235)"
    assert sheets.choice(packed).rows[0][3] == sheets.workflow(packed).rows[1][-1] == "3.20 MB (zip 1.23)"


def test_a_learning_curve(report):
    curve = Curve(steps=(0, 30, 60), losses=(1.0, None, 0.5), final=0.25)
    trained = changed(report, notes=(Note(step="finetune", sentence="finetune: 60 steps", curve=curve),))
    [sheet] = sheets.curves(trained.rows[1])
    assert cells(sheet)["60"] == ("0.500", "#" * 15) and cells(sheet)["30"] == ("–", "")
    assert sheet.rows[-1][:2] == ("in the end", "0.250") and len(sheet.rows) == 4
    assert "| 0 | 1.000 | " + "#" * 30 + " |" in to_markdown(trained) and sheets.curves(report.rows[1]) == []
    figures = json.loads(to_json(trained.figures()))
    assert report_of(figures).rows[1].notes[0].curve == curve
    figures["rows"][1]["noted"][0]["curve"]["steps"].pop()
    with pytest.raises(ValueError, match="a curve has 2 steps and 3 losses"):
        report_of(figures)


def test_without_labels_agreement_takes_the_place_of_ap(report):
    found = Agreement(f1=0.9, mean_iou=0.95, matches=9, reference_boxes=10, candidate_boxes=10, images=3)
    first, row = (replace(one, accuracy=None, agreement=found) for one in report.rows)
    without = replace(report, rows=(first, row))
    assert list(cells(sheets.comparison(without, row))) == ["latency", "size"]
    assert cells(sheets.agreement(row))["F1"] == ("90.00 %",)
    assert without.measure == "agreement" and without.drop is None and row.value("agreement") == 90
    guessed = replace(row, agreement=SameGuess(top1=75.0, images=4))
    assert cells(sheets.agreement(guessed)) == {"the same class": ("75.00 %",)}


def test_the_ten_worst_tensors_the_worst_first(report):
    rows = sheets.worst_tensors(report.rows[1]).rows
    assert [name for name, _ in rows] == [f"tensor {number}" for number in range(1, 11)]
    assert rows[0] == ("tensor 1", "1.0 dB")


def with_sqnr(row, table):
    return replace(row, quantization=replace(row.quantization, sqnr_db=table))


def test_a_tensor_without_error_is_exact_also_when_read_back_from_json(report):
    row = with_sqnr(report.rows[1], {"a": float("inf"), "b": None, "c": 30})
    assert sheets.worst_tensors(row).rows == [("c", "30.0 dB"), ("a", "exact"), ("b", "exact")]


def test_nothing_measured_is_no_table(report):
    assert sheets.worst_tensors(with_sqnr(report.rows[1], {})) is None
    assert sheets.worst_tensors(report.rows[0]) is sheets.files(report.rows[0]) is None
    assert sheets.agreement(report.rows[1]) is None
    assert sheets.per_class({"per_class": None}) is None
    assert sheets.kept_float({}) is None


def test_remarks_and_warnings(report):
    assert report_remarks(report) == [
        "62 of 98 operators in integers, 97.2 % of the MACs.",
        "It ran.",
        "guard: c1",
        "guard: damage is left",
        "Boxes are from a file.",
    ]
    assert report_warnings(report) == [*report.warnings, "1 image was left out: a.jpg is cut short."]


def test_what_takes_longer_is_said(report):
    slow = replace(report.rows[1], ratio=1.25)
    [said] = slower_than_float(slow, 2)
    assert "takes 1.25 times as long as the float model on this machine (2 threads)" in said
    assert slower_than_float(report.rows[1], 2) == []
    assert slower(changed(report, ratio=1.25)) == ["w8a8 takes 1.25 times as long as float on this machine."]
    assert slower(report) == []


def test_a_model_that_lost_most_of_what_it_found_is_said(report):
    assert useless(report) == []
    before = report.reference.value(report.measure)
    [said] = useless(changed(report, accuracy=dict.fromkeys(report.reference.accuracy, before / 4)))
    assert f"keeps 25 % of the float model's accuracy ({before / 4:.2f} of {before:.2f})" in said
    assert useless(changed(report, accuracy=dict.fromkeys(report.reference.accuracy, before / 2))) == []
    assert useless(replace(report, about=None)) == []


def test_what_runs_on_this_machine_the_fastest_first(report):
    sheet = sheets.choice(changed(report, best=True))
    assert [row[0] for row in sheet.rows] == ["ort w8a8", "ort float"]
    assert sheet.rows[0][1:] == ("36.90", "40.00 ms", "3.20 MB", "best") and sheet.rows[1][-1] == ""


def test_skipped_images_are_counted_and_the_first_ones_named():
    images = [{"path": f"{number}.jpg", "reason": "not an image"} for number in range(7)]
    [said] = skipped(images + images)
    assert said.startswith("7 images were left out: 0.jpg: not an image; 1.jpg")
    assert said.endswith("; and 2 more.") and "5.jpg" not in said
    assert skipped([]) == []


@pytest.mark.parametrize(("tried", "words"), [(1, "read in 1 way"), (13, "read in 13 ways")])
def test_the_ways_to_read_a_model_are_counted(tried: int, words: str) -> None:
    finding = {"reads": "", "ap50": None, "ap": None, "objects": 3}
    figures = {"model": "m", "images": 2, "data": "d", "tried": tried, "reading": "rgb", "findings": [finding]}
    sheet = sheets.examination(figures)
    assert sheet is not None and sheet.title.endswith(words) and sheet.rows[0][0] == "as now: rgb"


def test_one_is_no_several(report, demo_report):
    """One image is no "1 images", in any title."""
    one, shown = replace(report, images=1), replace(demo_report, images=1)
    loss = {"name": "conv", "weights": 1, "macs": 1, "loss": {"8": 0.1}}
    titles = [
        sheets.comparison(one, one.rows[1]).title,
        sheets.demo(shown).title,
        sheets.workflow(one).title,
        sheets.choice(one).title,
        sheets.losses({"measure": "ap", "images": 1, "layers": [loss]}).title,
        sheets.worst_tensors(with_sqnr(report.rows[1], {"a": 1.0})).title,
    ]
    said = " / ".join(str(title) for title in titles)
    assert said.count("1 image") >= 4 and "1 tensor " in said
    assert not re.search(r"\b1 (images|tensors|runs|objects)\b", said), said
    assert [plural(count, "box", "boxes") for count in (0, 1, 1000)] == ["0 boxes", "1 box", "1,000 boxes"]
