"""Vela in a process of its own: a program stands in for it that does what Vela does, or fails as it does."""

from __future__ import annotations

import os
import sys

import pytest

from detquant.targets.ethosu import vela
from detquant.targets.ethosu.chip import Chip
from detquant.targets.ethosu.vela import Compiled, Refused, command, compile_model, compiled_name

LOG = """TfLiteReader: something
Warning (supported operators) operator: FLOOR_DIV, ofm: 'i'
Reason: Unsupported opType

Warning (supported operators) operator: RESIZE_BILINEAR, ofm: 'a: b'
Reason: Scaling matches and operation has unsupported scale-factor=3
IF not (IFM H == IFM W == 1):
  - and more
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script of a shell")


@pytest.fixture
def stands_in(tmp_path, monkeypatch):
    """Makes a program of Python that runs where Vela would."""

    def make(text):
        script = tmp_path / "stands_in"
        script.write_text(f"#!{sys.executable}\n{text}")
        script.chmod(0o755)
        monkeypatch.setattr(vela.sys, "executable", str(script))

    return make


def test_what_it_gives_is_taken_with_its_figures_and_reasons(stands_in):
    stands_in(
        f"""
import pathlib, sys
assert sys.argv[1:4] == ["-m", "ethosu.vela", "model.tflite"], sys.argv
assert sys.argv[4:6] == ["--accelerator-config", "ethos-u65-512"] and sys.argv[-2:] == ["--output-dir", "."]
pathlib.Path("model_vela.tflite").write_bytes(b"compiled " + pathlib.Path("model.tflite").read_bytes())
pathlib.Path("model_summary_X.csv").write_text("sram_memory_used,inference_time\\n12.5,0.01\\n")
print({LOG!r})
"""
    )
    found = compile_model("model.tflite", b"a model", Chip().asked(accelerator="ethos-u65-512"))
    assert found == Compiled(
        content=b"compiled a model",
        estimates={"sram_memory_used": "12.5", "inference_time": "0.01"},
        refused=(
            Refused("FLOOR_DIV", "i", "Unsupported opType"),
            Refused("RESIZE_BILINEAR", "a: b", "Scaling matches and operation has unsupported scale-factor=3"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("print('Error: Invalid tflite file.'); raise SystemExit(1)", "(Error: Invalid tflite file)"),
        ("raise SystemExit(3)", "(exit status 3)"),
        ("pass", "(exit status 0)"),
        ("import os; os.kill(os.getpid(), 11)", "(it was ended by signal 11)"),
        ("raise ValueError('no such port')", "(ValueError: no such port)"),
    ],
)
def test_why_it_gives_nothing_is_a_clause(text, why, stands_in):
    stands_in(text)
    assert compile_model("model.tflite", b"a model", Chip()) == f"Vela did not compile it {why}"


def test_it_is_stopped_when_it_takes_too_long(stands_in):
    stands_in("import time; time.sleep(60)")
    found = compile_model("model.tflite", b"a model", Chip(), timeout=0.5)
    assert found == "Vela was not done after 0.5 s and was stopped"


def test_what_cannot_be_run_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(vela.sys, "executable", str(tmp_path / "nothing"))
    found = compile_model("model.tflite", b"a model", Chip())
    assert isinstance(found, str) and found.startswith("Vela cannot be run (")


def test_the_command_is_one_to_type():
    assert compiled_name("model.tflite") == "model_vela.tflite"
    assert command("model.tflite", Chip()) == (
        "vela model.tflite --accelerator-config ethos-u55-256 --config Arm/vela.ini "
        "--system-config Ethos_U55_High_End_Embedded --memory-mode Shared_Sram --output-dir ."
    )


def test_a_damaged_file_ends_vela_and_nothing_else():
    pytest.importorskip("ethosu.vela", reason="the extra ethosu is not installed")
    found = compile_model("model.tflite", b"\x1c\0\0\0TFL3" + bytes(500), Chip())
    assert isinstance(found, str) and found.startswith("Vela did not compile it (")
