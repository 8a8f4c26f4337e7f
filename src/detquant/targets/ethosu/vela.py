"""Vela, Arm's compiler for Ethos-U, where it is installed.

It reads a TFLite file of integers and writes ``NAME_vela.tflite``, in which each part of the graph that the NPU runs is
one custom operator, and a table of one row with its estimates. It runs in a process and a folder of its own: a file
that it cannot read may end it. https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from detquant.targets.ethosu.chip import Chip

PACKAGE = "ethos-u-vela"
TIMEOUT = 1800.0
"""Seconds that it may take; the largest detectors take some."""

REFUSED = re.compile(r"^Warning \(supported operators\) operator: (\w+), ofm: '(.*)'\s*\nReason: (.+)$", re.MULTILINE)


class Refused(NamedTuple):
    """An operator that Vela leaves to the CPU: its kind, the tensor that it writes, and Vela's reason."""

    kind: str
    output: str
    reason: str


class Compiled(NamedTuple):
    """What Vela gave.

    Attributes:
        content: bytes of the compiled file.
        estimates: its row of figures by the names of their columns.
        refused: operators that it left to the CPU, with its reasons.
    """

    content: bytes
    estimates: Mapping[str, str]
    refused: tuple[Refused, ...]


def command(model: str, chip: Chip) -> str:
    """The command that compiles a model, for users to type."""
    return " ".join(["vela", model, *chip.arguments, "--output-dir", "."])


def compiled_name(model: str) -> str:
    """The name that Vela gives to its result."""
    return f"{Path(model).stem}_vela.tflite"


def is_installed() -> bool:
    """Whether Vela is at hand."""
    try:
        return bool(version(PACKAGE))
    except PackageNotFoundError:
        return False


def compile_model(model: str, content: bytes, chip: Chip, timeout: float = TIMEOUT) -> Compiled | str:
    """A model compiled for a chip.

    Args:
        model: name of the file.
        content: bytes of the file.
        chip: what to compile for.
        timeout: seconds.

    Returns:
        What Vela gave, or a clause that says why it gave nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, model).write_bytes(content)
        asked = [sys.executable, "-m", "ethosu.vela", model, *chip.arguments, "--output-dir", "."]
        try:
            done = subprocess.run(
                asked, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return f"Vela was not done after {timeout:g} s and was stopped"
        except OSError as error:
            return f"Vela cannot be run ({error})"
        log = (done.stdout + b"\n" + done.stderr).decode(errors="replace").replace("\r\n", "\n")
        made, rows = Path(folder, compiled_name(model)), _rows(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or not made.is_file() or not rows:
            return f"Vela did not compile it ({_why(log, done.returncode)})"
        return Compiled(made.read_bytes(), rows[0], tuple(Refused(*found) for found in REFUSED.findall(log)))


def _rows(files: Iterable[Path]) -> list[dict[str, str]]:
    return [row for file in files for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())]


def _why(log: str, code: int) -> str:
    """What Vela says last of what went wrong; where it was ended, by what."""
    if code < 0:
        return f"it was ended by signal {-code}"
    lines = [line.strip().rstrip(".") for line in log.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower() or "fail" in line.lower()]
    return (wrong[-1:] or lines[-1:] or [f"exit status {code}"])[0][:300]
