"""The program, from its first instruction."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPT = "import sys; from detquant.__main__ import main; sys.exit(main())"


@pytest.mark.parametrize("program", [["-m", "detquant"], ["-c", SCRIPT]])
def test_an_interrupt_while_importing_is_quiet(tmp_path, program):
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt\n")  # as if Ctrl-C came then
    paths = [str(tmp_path), *filter(None, sys.path)]
    run = subprocess.run(
        [sys.executable, *program, "--version"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "detquant: Interrupted.\n")


AT_THE_END = """
import atexit, os, signal, sys
from detquant.__main__ import main
atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), [None for _ in range(1000)]))
sys.exit(main())
"""


def test_an_interrupt_once_all_is_done_changes_nothing():
    run = subprocess.run([sys.executable, "-c", AT_THE_END, "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "") and run.stdout


def test_the_script_starts_there():
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("pyproject.toml is absent")
    assert tomllib.loads(project.read_text())["project"]["scripts"] == {"detquant": "detquant.__main__:main"}
