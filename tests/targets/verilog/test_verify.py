"""An exported folder proves itself: in Python, and by make alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest
from bench import written
from cases import CASES

from detquant.cli import main
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.verify import verify

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


@pytest.fixture
def exported(tmp_path):
    """The folder of a network with weights of 3 bits, on the smallest engine that runs it."""
    net = CASES["conv_narrow"]()
    program = lower(net.graph(), Array(icp=4, ocp=8, lanes=4))
    assert program.engine.weight == 3
    return written(hardware_files(program, net.graph(), net.images()), tmp_path)


def test_verify_runs_the_test_bench(exported):
    outcome = verify(exported, "icarus", stall=20)
    assert outcome.passed and outcome.verdict == "PASS", outcome.said
    assert outcome.cycles > 100 and 0 < outcome.use < 100


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_proves_the_folder_and_fails_where_it_is_wrong(exported):
    done = subprocess.run(["make", "icarus"], cwd=exported, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "\nPASS\n" in done.stdout, done.stdout + done.stderr
    path = exported / "mem/desc.mem"
    rows = path.read_text().split()
    rows[8] = rows[8][:-1] + f"{int(rows[8][-1], 16) ^ 4:x}"  # the zero point of the first instruction
    path.write_text("\n".join(rows))
    done = subprocess.run(["make", "icarus"], cwd=exported, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0 and "FAIL instruction 0 n_t0 channel" in done.stdout


def test_the_command_proves_and_tells_what_differs(exported, capsys, tmp_path):
    figures = tmp_path / "figures.json"
    assert main(["verify", str(exported), "--simulator", "icarus", "--stall", "10", "--json", str(figures)]) == 0
    assert "PASS" in capsys.readouterr().out
    assert json.loads(figures.read_text())["passed"]
    path = exported / "tb/vectors/expected.mem"
    rows = path.read_text().split()
    path.write_text("\n".join([f"{int(rows[0], 16) ^ 1:0{len(rows[0])}x}", *rows[1:]]) + "\n")
    assert main(["verify", str(exported), "--simulator", "icarus"]) == 2
    assert "is not the file that was exported" in capsys.readouterr().err
    manifest = json.loads((exported / "manifest.json").read_text())
    manifest["sha256"]["tb/vectors/expected.mem"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (exported / "manifest.json").write_text(json.dumps(manifest))
    assert main(["verify", str(exported), "--simulator", "icarus"]) == 2
    assert "does not compute what the integer model does: FAIL instruction 0 n_t0 channel" in capsys.readouterr().err
    assert main(["verify", str(exported), "--simulator", "modelsim"]) == 2
    assert "modelsim" in capsys.readouterr().err
