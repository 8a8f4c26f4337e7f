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
from detquant.errors import TargetError
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Verilator
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


@pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
@pytest.mark.slow
def test_verilator_builds_a_folder_once(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    assert verify(exported).passed
    monkeypatch.setattr(Verilator, "build", lambda *_: pytest.fail("it is built again"))
    outcome = verify(exported, stall=10)
    assert outcome.passed and outcome.cycles > 100


class Copying(Verilator):
    """A simulator that is built at once: of the last source, which is a program."""

    name, program = "Copying", "cp"
    builds = 0

    def build_command(self, sources, folder):
        return ["cp", sources[-1], str(self.built(folder))]

    def build(self, sources, folder):
        self.builds += 1
        return super().build(sources, folder)


def test_what_was_built_of_equal_sources_is_built_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DETQUANT_CACHE", str(tmp_path / "cache"))
    simulator, kept = Copying(), tmp_path / "cache/simulators"
    sources = [tmp_path / name for name in ("one_config.sv", "two.sv")]
    for number, (text, builds) in enumerate((("echo PASS", 1), ("echo PASS", 1), ("echo FAIL", 2), ("echo PASS", 2))):
        for path in sources:
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o700)
        built = simulator.build_once(sources, tmp_path / f"build{number}")
        assert simulator.run(built, {}).verdict == text.split()[1] and simulator.builds == builds
    assert len(list(kept.iterdir())) == 2
    with monkeypatch.context() as patch, pytest.raises(TargetError, match="does not build the test bench"):
        patch.setattr(Copying, "build_command", lambda *_: ["false"])  # another command, and what fails is not kept
        simulator.build_once(sources, tmp_path / "build")
    monkeypatch.setenv("DETQUANT_CACHE", "")
    simulator.build_once(sources, tmp_path / "last")
    assert simulator.builds == 4 and len(list(kept.iterdir())) == 2
