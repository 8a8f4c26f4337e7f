"""Coral's compiler, for which a script on the PATH stands in."""

from __future__ import annotations

import os
import sys

import pytest

from detquant.targets.edgetpu.compiler import PROGRAM, compile_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")

TABLE = """Edge TPU Compiler version 16.0.384591198

Model compiled successfully in 1429 ms.

Input model: model.tflite
On-chip memory used for caching model parameters: 3.19MiB
Off-chip memory used for streaming uncached model parameters: 0.00B

Operator                       Count      Status

CONV_2D                        63         Mapped to Edge TPU
RESIZE_NEAREST_NEIGHBOR        2          Operation version not supported
MUL                            9          More than one subgraph is not supported
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """compiler(script): a program of that name, alone on the PATH beside the shell's own."""

    def make(script):
        path = tmp_path / PROGRAM
        path.write_text(f"#!{sys.executable}\n{script}")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return make


def test_its_result_and_its_split_are_reported(compiler):
    compiler(
        f"""
import pathlib, sys
assert sys.argv[1:3] == ["-s", "-o"] and sys.argv[4].endswith("model.tflite"), sys.argv
content = pathlib.Path(sys.argv[4]).read_bytes()
pathlib.Path(sys.argv[3], "model_edgetpu.tflite").write_bytes(b"compiled " + content)
print({TABLE!r})
"""
    )
    content, told = compile_model("model.tflite", b"a model")
    assert content == b"compiled a model"
    assert told == (
        "edgetpu_compiler mapped 63 of 74 operators to the Edge TPU.",
        "edgetpu_compiler: 2 RESIZE_NEAREST_NEIGHBOR on the CPU (Operation version not supported).",
        "edgetpu_compiler: 9 MUL on the CPU (More than one subgraph is not supported).",
        "edgetpu_compiler: On-chip memory used for caching model parameters: 3.19MiB.",
        "edgetpu_compiler: Off-chip memory used for streaming uncached model parameters: 0.00B.",
    )


def test_what_it_refuses_is_told_with_its_reason(compiler):
    compiler("print('Compilation failed due to large activation tensors in model.'); raise SystemExit(1)")
    content, [told] = compile_model("model.tflite", b"a model")
    assert content is None
    assert "did not compile it (Compilation failed due to large activation tensors in model)" in told
    assert told.endswith("edgetpu_compiler -s model.tflite")


def test_it_may_say_nothing(compiler):
    compiler("raise SystemExit(3)")
    content, [told] = compile_model("model.tflite", b"a model")
    assert content is None and "did not compile it (exit status 3)" in told


def test_it_is_stopped_when_it_takes_too_long(compiler):
    compiler("import time; time.sleep(60)")
    content, [told] = compile_model("model.tflite", b"a model", timeout=0.5)
    assert content is None and "was not done after 0.5 s" in told


def test_without_it_the_command_is_given(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    content, [told] = compile_model("model.tflite", b"a model")
    assert content is None and "edgetpu_compiler -s model.tflite" in told and "not on the PATH" in told
