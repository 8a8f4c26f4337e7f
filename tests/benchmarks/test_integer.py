"""The table of whole numbers: each way of a recipe has its figures, and what cannot run in integers has its reason."""

from __future__ import annotations

import pytest

import detquant
import integer
from detquant.data import open_dataset
from detquant.errors import DetquantError
from integer import HEADER, WAYS, Setting, rows_of


def setting() -> Setting:
    return Setting(detector=detquant.load("yolov8-pico"), dataset=open_dataset("scenes"), calib=2, limit=2)


@pytest.mark.slow
def test_a_way_has_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integer, "WAYS", WAYS[3:4])
    [row] = rows_of("w8a8", setting(), 60.0)
    assert len(row) == len(HEADER) and row[:4] == ("w8a8", "int", "int", "8")
    assert float(row[4]) + float(row[5]) == pytest.approx(60.0, abs=0.02) and int(row[6]) >= 0


def test_a_recipe_of_floats_is_refused() -> None:
    with pytest.raises(DetquantError, match="whole numbers"):
        list(rows_of("fp16", setting(), 60.0))
