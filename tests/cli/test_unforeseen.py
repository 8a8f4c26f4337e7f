"""The last line of defence, with faults put in: one sentence, a report, exit code 1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from detquant.cli import main, unforeseen


@pytest.fixture
def fault(monkeypatch, tmp_path):
    """fault(error): every plan fails with it, and DETQUANT_DEBUG is off."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv(unforeseen.DEBUG)

    def put(error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr("detquant.pipeline.detector.load", fail)

    return put


def said(capsys):
    shown = capsys.readouterr()
    assert shown.out == "" and "Traceback" not in shown.err
    [line] = shown.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("odd\nshapes"), "This is a fault of detquant: ValueError: odd shapes. The details are in"),
        (KeyError("x"), "This is a fault of detquant: KeyError: 'x'."),
        (AssertionError(), "This is a fault of detquant: AssertionError"),
        (UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "surrogates"), "UnicodeEncodeError"),
        (MemoryError(), "There is not enough memory for this"),
        (RecursionError("maximum"), "nested too deeply"),
    ],
)
def test_a_fault_is_one_sentence_and_a_report(fault, capsys, error, words):
    fault(error)
    assert main(["plan", "caf\udce9.onnx", "--json", "figures.json"]) == 1
    line = said(capsys)
    assert words in line
    file = Path(re.search(r"'([^']+detquant-[^']+\.txt)'", line)[1])
    assert [*Path(tempfile.gettempdir()).iterdir()] == [file]
    text = file.read_text(encoding="utf-8")
    for part in ("Traceback (most recent call last)", type(error).__name__, "detquant plan", "onnxruntime 1."):
        assert part in text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(28, "No space left on device", "x")])
def test_what_the_system_says_needs_no_report(fault, capsys, error):
    fault(error)
    assert main(["plan", "m.onnx"]) == 2
    assert said(capsys).endswith("No space left on device.")
    assert not list(Path(tempfile.gettempdir()).iterdir())


def test_where_no_report_can_be_written(fault, capsys, monkeypatch):
    fault(ValueError("odd"))
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert main(["plan", "m.onnx"]) == 1
    assert said(capsys).endswith("A report of it could not be written; set DETQUANT_DEBUG=1 to see it.")


def test_with_the_variable_it_is_pythons_traceback(fault, monkeypatch):
    fault(ValueError("odd"))
    monkeypatch.setenv(unforeseen.DEBUG, "1")
    with pytest.raises(ValueError, match="odd"):
        main(["plan", "m.onnx"])


def test_tests_run_without_it():
    assert unforeseen.is_shown()


def test_as_a_program(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import detquant.pipeline.detector as d\ndef fail(*_, **__): raise ValueError('odd')\nd.load = fail\n"
    )
    given = {"DETQUANT_DEBUG": "", "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    words = [sys.executable, "-m", "detquant", "plan", "m.onnx"]
    run = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **given}, cwd=tmp_path)
    assert run.returncode == 1 and run.stdout == "" and len(run.stderr.splitlines()) == 1
    assert "This is a fault of detquant: ValueError: odd" in run.stderr and list(tmp_path.glob("detquant-*.txt"))


def test_what_is_not_installed_as_a_whole(tmp_path):
    (tmp_path / "cyclopts.py").write_text("raise ImportError('No module named nothing')\n")
    given = {"DETQUANT_DEBUG": "", "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    words = [sys.executable, "-m", "detquant", "plan", "m.onnx"]
    run = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **given})
    assert run.returncode == 2 and "not installed as a whole" in run.stderr and "Traceback" not in run.stderr
