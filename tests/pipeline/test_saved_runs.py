"""A run is shown again from what it left, and nothing but that is read."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detquant.errors import ReportError
from detquant.evaluation.changes import Box, Fate, SeenImage
from detquant.pipeline.saved_runs import MOST_PICTURE, read_runs, report_page
from detquant.report.evidence import Evidence
from detquant.report.files import to_json
from detquant.report.project import Project

PICTURE = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()


def seen(file):
    box = Box(xyxy=(0.0, 0.0, 2.0, 2.0), confidence=0.5, class_id=0, fate=Fate.LOST)
    return SeenImage(image="a.png", file=file, width=4, height=4, before=(box,), after=(), objects=1, change=1.0)


@pytest.fixture
def saved(report, tmp_path):
    """saved(name, files...): a run whose report names these files as pictures."""
    finite = replace(report.rows[1], quantization=replace(report.rows[1].quantization, sqnr_db={}))

    def save(name, *files):
        folder = tmp_path / name
        folder.mkdir()
        evidence = Evidence(classes=("cat",), seen=tuple(map(seen, files)))
        known = replace(report, rows=(report.rows[0], finite), evidence=evidence)
        (folder / "report.json").write_text(to_json(known.figures()), encoding="utf-8")
        return folder, known

    return save


def test_a_run(saved):
    folder, known = saved("mine", "seen/a.png")
    (folder / "seen").mkdir()
    (folder / "seen/a.png").write_bytes(PICTURE)
    for source in (folder, str(folder), folder / "report.json"):
        [run] = read_runs(source)
        assert run.title == "mine" and run.report == known and run.pictures == {"seen/a.png": PICTURE}
    page = report_page([folder])
    assert page.count("data:image/png") == 1 and "<h1>yolo_n|ano.onnx</h1>" in page


def test_several_runs_and_a_workflow(saved, report, tmp_path):
    folders = [saved(name)[0] for name in ("a", "b")]
    project = Project(
        name="w",
        description="d",
        target="ort",
        recipe="w8a8",
        data="coco",
        threads=1,
        models=(read_runs(folders[0])[0].report,) * 2,
    )
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow/workflow.json").write_text(to_json(project.figures()), encoding="utf-8")
    page = report_page([*folders, tmp_path / "flow"])
    assert "4 runs side by side" in page
    assert "w: yolo_n|ano.onnx</h2>" in page and "w: yolo_n|ano-2.onnx</h2>" in page


def test_pictures_of_elsewhere_and_what_is_none_are_not_read(saved, tmp_path):
    (tmp_path / "secret.png").write_bytes(PICTURE)
    names = (
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
        "text.png",
        "large.png",
        "pipe\0.png",
        "",
        "none.png",
        "ok.png",
    )
    folder, _ = saved("mine", *names)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("<svg onload='alert(1)'/>")
    (folder / "large.png").write_bytes(PICTURE + bytes(MOST_PICTURE))
    (folder / "ok.png").write_bytes(PICTURE)
    [run] = read_runs(folder)
    assert dict(run.pictures) == {"ok.png": PICTURE}
    assert report_page([folder]).count("data:image") == 1


REFUSED = (
    ("[1]", "it is no JSON object"),
    ("{", "is not the report of a run"),
    ("{}", "there is 'None' where a list is expected"),
    ('{"rows": []}', "the report has no rows"),
    ('{"models": 3}', "there is '3' where a list is expected"),
    (json.dumps({"rows": [{"name": "a"}]}), "'None' where a list is expected"),
    ('{"rows": [' + "9" * 400 + "]}", "it has a whole number of more than 64 bits"),
    ("[" * 100_000, "it nests too deeply"),
)


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_no_report_is_refused(tmp_path, text, words):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ReportError) as refused:
        report_page([tmp_path])
    assert words in str(refused.value) and "Name a folder" in str(refused.value)


def test_what_is_no_run_is_refused(tmp_path):
    for source, words in (
        (tmp_path, "has no report.json and no workflow.json"),
        (tmp_path / "x", "does not exist"),
        (tmp_path / "x\0", "does not exist"),
    ):
        with pytest.raises(ReportError, match=words):
            report_page([source])
    with pytest.raises(ReportError, match="no run to show"):
        report_page([])


def test_figures_that_are_changed_anywhere_are_refused_or_shown(saved):
    folder, _ = saved("mine", "a.png")
    figures = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for key in figures:
        for value in (None, 3, -1.5, "x", [], {}, [[]], {"x": 1}):
            (folder / "report.json").write_text(json.dumps({**figures, key: value}))
            try:
                page = report_page([folder])
            except ReportError:
                continue
            assert page.startswith("<!doctype html>"), key
