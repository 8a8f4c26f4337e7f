"""The command that makes the page of saved runs, and what it does not write over."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from detquant.cli import main
from detquant.report.files import staged, to_json
from detquant.report.html import START, to_html
from detquant.report.html.writing import is_page


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def run(report):
    """A folder as quantize leaves it."""
    quantization = replace(report.rows[1].quantization, sqnr_db={})
    known = replace(report, rows=(report.rows[0], replace(report.rows[1], quantization=quantization)))
    with staged("run") as put:
        put("model.onnx", b"x")
        put("report.json", to_json(known.figures()))
        put("report.html", to_html(known, {}))
    return Path("run")


def refused(capsys, *arguments):
    code = main([str(one) for one in arguments])
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("detquant: ") and err.count("\n") == 1
    return err


def test_the_page_is_written_and_written_again(run, capsys):
    for _ in range(2):
        assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.startswith("Written to report.html: open it in a browser.")
    assert is_page(Path("report.html")) and Path("report.html").read_text(encoding="utf-8").startswith(START)
    assert sorted(one.name for one in Path().iterdir()) == ["report.html", "run"]


def test_several_runs_and_another_name(run):
    assert main(["report", str(run), str(run), "--out", "deep/two.html"]) == 0
    assert "2 runs side by side" in Path("deep/two.html").read_text(encoding="utf-8")


def test_the_page_of_the_run_itself_is_made_anew(run):
    (run / "report.html").unlink()
    assert main(["report", str(run), "--out", str(run / "report.html")]) == 0
    assert main(["report", str(run), "--out", str(run / "report.html")]) == 0
    with staged(run) as put:  # it is one of the results still
        put("report.html", "")


def test_nothing_else_is_written_over(run, capsys):
    Path("mine.html").write_text("<!doctype html>\nmine")
    for out, words in (
        ("mine.html", "'mine.html' is there already and was not written by detquant"),
        (run / "report.json", "'run/report.json' is read by this run"),
        (run / "model.onnx", "'run/model.onnx' is another result of that run"),
        (run, "it is a folder"),
        (run / "report.json/x.html", "is not a folder"),
    ):
        before = {one: one.read_bytes() for one in Path().rglob("*") if one.is_file()}
        assert words in refused(capsys, "report", run, "--out", out)
        assert before == {one: one.read_bytes() for one in Path().rglob("*") if one.is_file()}
    (run / "report.html").write_text("changed")
    assert "was changed since" in refused(capsys, "report", run, "--out", run / "report.html")


def test_what_is_no_run_costs_one_sentence(run, capsys):
    assert "'nowhere' does not exist: there is no run to show. Name a folder" in refused(capsys, "report", "nowhere")
    Path("empty").mkdir()
    assert "'empty' has no report.json and no workflow.json" in refused(capsys, "report", run, "empty")
    assert not Path("report.html").exists()


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_a_stream_takes_a_page(run):
    command = [sys.executable, "-m", "detquant", "report", str(run), "--out", "/dev/stdout"]
    written = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert written.startswith(START) and "Written to /dev/stdout" in written
