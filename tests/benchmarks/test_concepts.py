"""The table of concepts: a row has the figures of its files, and where a recipe runs is in its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import concepts
from concepts import Row, Setting, cells, float_row, measured

import detquant


def test_a_row_has_the_figures_of_its_files(tmp_path: Path) -> None:
    detector, setting = detquant.load("resnet-pico"), Setting(data="crops", target="ort", calib=4, limit=4)
    row, report, path = measured(detector, "dynamic@ort", replace(setting, target="tflite"), tmp_path)
    assert row.target == "ort" and path.suffix == ".onnx" and path.stat().st_size == row.size_bytes
    first = float_row(detector, report, "ort")
    assert row.zipped_bytes < row.size_bytes < first.size_bytes
    assert len(cells(row, first)) == len(concepts.HEADER)


def test_what_is_not_known_is_left_empty() -> None:
    first = Row(name="float", target="ort", points=50, size_bytes=4_000_000, zipped_bytes=3_500_000)
    assert cells(first, first) == ("float", "50.00", "", "", "4.00", "3.50", "")
