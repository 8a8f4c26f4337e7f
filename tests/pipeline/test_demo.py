"""The story's structure; whether the embedded detector is any good is for tests/test_embedded_bars.py."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import onnx
import pytest

from detquant.data.scenes import CLASSES, SIZE
from detquant.embedded import embedded_model
from detquant.errors import DatasetError, ModelError, OutputError
from detquant.families import THRESHOLD
from detquant.pipeline.decisions import read_decisions
from detquant.pipeline.demo import MODEL, demo
from detquant.pipeline.detector import load
from detquant.pipeline.outputs import DECODE, files_of_demo, pictures, recipes_of_demo
from detquant.pipeline.saved_runs import report_page
from detquant.report.owned import RECORD
from detquant.report.remarks import picture_remark
from detquant.report.side_by_side import HEAD, MARGIN, ZOOM

SMALL = {"images": 5, "calib": 3}
SHOWN = recipes_of_demo()


def without_threshold(content):
    """A model without the entry of its metadata that depends on what it was measured on."""
    model = onnx.load_from_string(content)
    kept = {one.key: one.value for one in model.metadata_props if one.key != THRESHOLD}
    del model.metadata_props[:]
    return kept, model.SerializeToString(deterministic=True)


def alternate(sides, feed, turns):
    """Placement's clock, made up."""
    return {"reference": [1.0] * turns, "candidate": [2.0] * turns}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The demo, and its progress; made once, read by many tests."""
    ticks = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detquant.algorithms.placement.alternate", alternate)
        result = demo(**SMALL, work=tmp_path_factory.mktemp("work"), progress=lambda *tick: ticks.append(tick))
    return result, ticks


@pytest.fixture
def result(made):
    return made[0]


def convolutions(content):
    """The model's convolutions, and those of them that read an image in integers."""
    nodes = onnx.load_from_string(content).graph.node
    dequantized = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    found = [node for node in nodes if node.op_type == "Conv"]
    return len(found), sum(node.input[0] in dequantized for node in found)


def test_a_row_for_each_model(result):
    rows = result.report.figures()["rows"]
    assert [row["name"] for row in rows] == ["float", "naive", *SHOWN]
    assert rows[0]["ratio"] == 1
    for row in rows:
        content = result.files[row["file"]]
        assert row["failure"] is None and row["latency_ms"] > 0 and 0 <= row["ap"] <= row["ap50"] <= 100
        assert row["size_bytes"] == len(content) and row["sha256"] == hashlib.sha256(content).hexdigest()
    assert rows[1]["size_bytes"] < rows[0]["size_bytes"] / 2


def test_the_models_are_really_made(result):
    assert result.files["float.onnx"] == embedded_model(MODEL).read_bytes()
    count, naive = convolutions(result.files["naive.onnx"])
    assert naive >= 0.95 * count
    ours, integer = convolutions(result.files["w8a8/model.onnx"])
    assert 0.5 * ours < integer < ours  # the heads stay float
    assert result.files["naive.onnx"] != result.files["w8a8/model.onnx"]


def test_the_report_says_how(result):
    report = result.report.figures()
    assert {key: report[key] for key in ("model", "data", "images", "calibration_images", "seed", "threads")} == {
        "model": MODEL,
        "data": "scenes",
        "images": 5,
        "calibration_images": 3,
        "seed": 0,
        "threads": 1,
    }
    notes = "\n".join(report["notes"])
    assert "quantize_static of onnxruntime" in notes and "share one grid, whose steps are" in notes
    assert "detquant w8a8: " in notes and "of the MACs" in notes


def test_the_picture(result):
    picture = cv2.imdecode(np.frombuffer(result.files["comparison.png"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (ZOOM * SIZE + HEAD + MARGIN, 3 * (ZOOM * SIZE + MARGIN) + MARGIN, 3)
    shown = result.report.figures()["picture"]
    assert list(shown["found"]) == list(shown["wrong"]) == ["float", "naive", "w8a8"]
    assert shown["image"].startswith("scenes:0/validation/") and max(shown["found"].values()) <= shown["objects"]


def test_progress_has_all_of_it(made):
    ticks = made[1]
    assert [tick for tick in ticks if tick[0] == "quantising naively"] == [
        ("quantising naively", done, 3) for done in (1, 2, 3)
    ]
    assert [tick for tick in ticks if tick[0] == "evaluating"] == [("evaluating", done, 5) for done in range(1, 6)]


def test_saved_is_what_was_made(result, tmp_path):
    result.save(tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    models = {"float.onnx", "naive.onnx", *(f"{name}/{file}" for name in SHOWN for file in ("model.onnx", DECODE))}
    seen = {one.file for one in result.report.evidence.seen}
    assert names == models | {"comparison.png", "report.html", "report.json", "report.md", RECORD} | seen
    assert names <= {*files_of_demo(), RECORD} and {*files_of_demo()} - names <= {*pictures()}
    assert json.loads((tmp_path / "out/report.json").read_text())["rows"] == result.report.figures()["rows"]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert report_page([tmp_path / "out"]) == page and len(page) < 3_000_000 and "data:image/png" in page
    decided = read_decisions(tmp_path / "out/report.json")
    assert [one.recipe for one in decided] == SHOWN  # any command takes them
    assert "![" in (tmp_path / "out/report.md").read_text()
    assert load(tmp_path / "out/naive.onnx").family.classes == CLASSES  # any command takes it


def test_the_evidence_is_about_w8a8_and_each_models_threshold_is_said(result):
    evidence = result.report.evidence
    assert evidence.row == SHOWN[0] == "w8a8" and evidence.thresholds.labelled and evidence.classes == CLASSES
    assert all(one.file in result.files and one.before for one in evidence.seen)
    said = [note.sentence for note in result.report.notes if note.step == "threshold"]
    assert [one.partition(":")[0] for one in said] == ["naive INT8", *(f"detquant {name}" for name in SHOWN)]
    assert all("at a threshold of 0.25 it has" in one for one in said)
    told = json.loads(result.files[f"w8a8/{DECODE}"])
    assert told["confidence"]["quantized"] == evidence.thresholds.proposed
    words = {one.key: one.value for one in onnx.load_from_string(result.files["w8a8/model.onnx"]).metadata_props}
    assert float(words[THRESHOLD]) == evidence.thresholds.proposed


def test_all_or_nothing_is_saved(result, tmp_path):
    (tmp_path / "w8a8").write_text("in the way")
    with pytest.raises(OutputError, match="w8a8"):
        result.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["w8a8"]


def test_a_failure_of_onnxruntime_is_its_row_and_the_others_are_the_same(made, monkeypatch):
    def fail(*_):
        raise ModelError("onnxruntime's quantize_static fails with ValueError: no.")

    monkeypatch.setattr("detquant.pipeline.naive.quantize_naively", fail)
    result = demo(images=2, calib=SMALL["calib"])
    row = result.report.figures()["rows"][1]
    assert row["failure"].endswith("ValueError: no.") and row["ap"] is row["file"] is row["size_bytes"] is None
    assert "naive.onnx" not in result.files and list(result.report.figures()["picture"]["found"]) == ["float", "w8a8"]
    assert "w8a8 loses most" in picture_remark(result.report.picture)
    for name in SHOWN:  # the same seed, the same bytes, but for the threshold that was found on other images
        assert without_threshold(result.files[f"{name}/model.onnx"]) == without_threshold(
            made[0].files[f"{name}/model.onnx"]
        )


def test_no_images():
    with pytest.raises(DatasetError):
        demo(images=0)
