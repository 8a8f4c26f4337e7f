"""Whatever text comes in, and whatever takes it: one sentence at most, never a traceback, never a crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLAN, ZOO = ("plan", "yolov8-pico"), ("zoo",)
ASCII = {"PYTHONIOENCODING": "ascii"}
POSIX = {"LC_ALL": "POSIX", "LANG": ""}
ONLY_ASCII = {**POSIX, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
RECIPE = """
name = "plain"
description = "Eight bits."

[[rules]]
ops = ["*"]
weight = { qtype = "int8", granularity = "per_axis", observer = "minmax" }
activation = { qtype = "uint8", symmetric = false, observer = "minmax" }
"""
ODD = os.fsdecode(b"caf\xe9")
"""A name that is Latin-1."""


def detquant(*arguments, shell="", environment=None, cwd=None):
    """The program; ``shell`` is what stands behind it on the command line."""
    words = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-m", "detquant", *map(str, arguments)]
    given = {"DETQUANT_DEBUG": "", **(environment or {})}
    run = subprocess.run(words, capture_output=True, env={**os.environ, **given}, cwd=cwd, timeout=300)
    assert run.returncode >= 0 and b"Traceback" not in run.stderr and b"Exception ignored" not in run.stderr, run.stderr
    return run


@pytest.fixture
def names(tmp_path, square_model, square_data):
    """A model and images whose names are no UTF-8."""
    try:
        shutil.copy(square_model, tmp_path / f"{ODD}.onnx")
    except OSError:
        pytest.skip("this file system takes no such names")
    data = square_data(images=2).parent
    for path in list(data.glob("*/*/*")):
        path.rename(path.with_name(f"{ODD}-{path.name}"))
    return tmp_path / f"{ODD}.onnx", data


@pytest.mark.parametrize("environment", [{}, ASCII, POSIX, ONLY_ASCII])
def test_names_that_are_no_text(names, tmp_path, environment):
    model, data = names
    images, figures = data / "images/val", tmp_path / "figures.json"
    run = detquant("predict", model, images, "--json", figures, environment=environment, cwd=tmp_path)
    assert run.returncode == 0 and rb"caf\xe9" in run.stdout
    found = json.loads(figures.read_bytes().decode("utf-8"))
    assert found["model"].endswith("caf\\xe9.onnx") and len(found["images"]) == 2
    assert (tmp_path / "predictions" / f"{ODD}-v0.png").is_file()


def test_quantising_with_names_that_are_no_text(names, tmp_path):
    model, data = names
    run = detquant("quantize", model, "--data", data / "images/val", "--calib", 2, environment=ONLY_ASCII, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    out = tmp_path / f"{ODD}-w8a8"
    assert json.loads((out / "report.json").read_bytes().decode("utf-8"))["model"] == "caf\\xe9.onnx"
    assert (out / "report.md").read_bytes().decode("utf-8").startswith("# caf")


def test_what_is_refused_with_a_name_that_is_no_text(names):
    run = detquant("plan", f"{ODD}-gone.onnx", environment=ASCII)
    assert run.returncode == 2 and rb"'caf\xe9-gone.onnx' does not exist" in run.stderr


def test_class_names_that_are_no_text(tmp_path):
    from detquant.data import export_scenes

    export_scenes(tmp_path / "s", 2, validation=2)
    for split in ("train", "val"):
        file = tmp_path / f"s/annotations/instances_{split}.json"
        found = json.loads(file.read_text())
        for category in found["categories"]:
            category["name"] += "\ud83d"
        file.write_text(json.dumps(found))
    plain = tmp_path / "plain.toml"  # the steps of w8a8 would take their time, and say no names
    plain.write_text(RECIPE, encoding="utf-8")
    given = ("yolov8-pico", "--data", tmp_path / "s/annotations/instances_val.json")
    for command in (("evaluate",), ("quantize", "--recipe", plain, "--calib", 2, "--out", tmp_path / "out")):
        figures = tmp_path / f"{command[0]}.json"
        run = detquant(*command, *given, "--json", figures)
        assert run.returncode == 0, run.stderr
        assert json.loads(figures.read_bytes().decode("utf-8"))["images"] == 2


def test_a_terminal_that_shows_ascii_only():
    run = detquant(*PLAN, environment=ASCII)
    assert run.returncode == 0 and run.stdout.isascii() and b"scale of images \\xd7 scale" in run.stdout


@pytest.mark.parametrize("shell", [">&-", "<&- >&- 2>&-", "2>&-"])
def test_streams_that_are_closed(tmp_path, shell):
    run = detquant(*ZOO, "--json", tmp_path / "z.json", shell=shell)
    assert run.returncode == 0
    assert json.loads((tmp_path / "z.json").read_text())["entries"]  # and nothing that was printed is in it


@pytest.mark.parametrize("shell", [">&- 2>&-", "2>/dev/full"])
def test_a_sentence_that_nobody_can_hear(shell):
    assert detquant("plan", "gone.onnx", shell=shell).returncode == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [PLAN, ("--version",)])  # more than a buffer holds, and less
def test_a_disk_that_is_full(arguments, unbuffered):
    run = detquant(*arguments, shell=">/dev/full", environment={"PYTHONUNBUFFERED": unbuffered})
    said = run.stderr.decode()
    assert said == "detquant: Standard output could not be written: No space left on device.\n" and run.returncode == 2


def test_a_log_that_is_full_is_no_reason_to_end():
    run = detquant("evaluate", "yolov8-pico", "--data", "scenes", "--val-limit", 2, shell="2>/dev/full")
    assert run.returncode == 0 and b"yolov8-pico: 2 images" in run.stdout


@pytest.mark.parametrize("shell", ["", "2>&1"])
def test_a_reader_that_leaves(shell):
    pipe = f'"$@" {shell} | head -1; exit "${{PIPESTATUS[0]}}"'
    run = subprocess.run(["bash", "-c", pipe, "bash", sys.executable, "-m", "detquant", *ZOO], capture_output=True)
    assert run.returncode in (0, 1) and len(run.stdout.splitlines()) <= 1 and run.stderr == b""


def test_figures_for_a_full_disk():
    run = detquant(*ZOO, "--json", "/dev/full")
    assert run.returncode == 2 and b"Cannot write '/dev/full': No space left on device" in run.stderr
    assert Path("/dev/full").is_char_device()
