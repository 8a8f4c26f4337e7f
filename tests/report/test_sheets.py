from __future__ import annotations

import pytest

from detquant.report import sheets
from detquant.report.remarks import remarks, skipped, warnings


def cells(sheet):
    return {row[0]: row[1:] for row in sheet.rows}


def test_float_beside_quantised(report):
    found = cells(sheets.comparison(report))
    assert found["AP"] == ("37.30", "36.90", "-0.40")
    assert found["latency"] == ("80.00 ms", "40.00 ms", "0.50×")
    assert found["size"] == ("12.80 MB", "3.20 MB", "0.25×")


def test_without_labels_agreement_takes_the_place_of_ap(report):
    for side in ("float", "quantized"):
        report[side] |= {"ap": None, "ap50": None, "ap75": None}
    counts = {"matches": 9, "reference_boxes": 10, "candidate_boxes": 10, "images": 3}
    report["agreement"] = {"f1": 0.9, "mean_iou": 0.95, **counts}
    assert list(cells(sheets.comparison(report))) == ["latency", "size"]
    assert cells(sheets.agreement(report))["F1"] == ("90.00 %",)


def test_the_ten_worst_tensors_the_worst_first(report):
    rows = sheets.worst_tensors(report).rows
    assert [name for name, _ in rows] == [f"tensor {number}" for number in range(1, 11)]
    assert rows[0] == ("tensor 1", "1.0 dB")


def test_a_tensor_without_error_is_exact_also_when_read_back_from_json(report):
    report["sqnr_db"] = {"a": float("inf"), "b": None, "c": 30}
    assert sheets.worst_tensors(report).rows == [("c", "30.0 dB"), ("a", "exact"), ("b", "exact")]


def test_nothing_measured_is_no_table(report):
    assert sheets.worst_tensors(report | {"sqnr_db": {}}) is None
    assert sheets.agreement(report) is None
    assert sheets.per_class({"per_class": None}) is None
    assert sheets.kept_float({}) is None


def test_remarks_and_warnings(report):
    assert remarks(report) == [
        "62 of 98 operators in integers, 97.2 % of the MACs.",
        "Two operators were put back to float.",
        "Boxes are from a file.",
    ]
    assert warnings(report) == [*report["warnings"], "1 image was left out: a.jpg is cut short."]


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
