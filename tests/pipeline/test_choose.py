from __future__ import annotations

import json

import pytest

from detquant.cli import main
from detquant.errors import TargetError
from detquant.pipeline.choose import is_best
from detquant.targets import TARGETS, load_target
from detquant.targets.opencv import OpenCv


def row(ap, latency, size):
    return {"ap": ap, "latency_ms": latency, "size_bytes": size}


def test_best_is_what_nothing_beats_in_everything():
    rows = [row(40, 10, 9), row(39, 5, 3), row(39, 6, 3), row(38, 9, 1), row(40, 10, 9), row(37, 9, 2)]
    assert [is_best(one, rows, "ap") for one in rows] == [True, True, False, True, True, False]


def test_every_runtime_that_is_here(square_model, square_data, tmp_path, capsys):
    figures = tmp_path / "c.json"
    command = ["choose", str(square_model), "--data", str(square_data()), "--calib", "4", "--json", str(figures)]
    assert main(command) == 0
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
