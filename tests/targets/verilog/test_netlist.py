"""What Yosys makes of the engine for an FPGA computes what the RTL does: its netlist, simulated cell by cell.

Memories become LUT RAM here, as Yosys has no model of the block RAM's cells that could be simulated; all else is the
script that the cells are counted with.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bench import enough, run, sources_in_order, written
from cases import CASES
from hardware_cells import SYNTH
from nets import Net

from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus

MODELS = Path("/usr/share/yosys/xilinx/cells_sim.v")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"),
    pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed"),
    pytest.mark.skipif(not MODELS.is_file(), reason=f"Yosys' models of cells are not at {MODELS}"),
]
ARRAY = Array(icp=4, ocp=4, lanes=2)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The test bench around the netlist, for all cases."""
    folder = tmp_path_factory.mktemp("netlist")
    net = Net((1, 1, 1, 1))
    net.conv("image", 1)
    files = hardware_files(lower(net.graph(), ARRAY, enough(ARRAY)), net.graph(), net.images(), ["mem"])
    written(files, folder)
    sources = sources_in_order([folder / path for path in files])
    engine = folder / "rtl/dq_engine.sv"
    netlist = synthesised(folder, [path for path in sources if path.parent == engine.parent])
    around = folder / "rtl/dq_engine_around.sv"
    around.write_text(with_ports_of(engine.read_text()))
    return Icarus().build([*(path for path in sources if path != engine), around, netlist, MODELS], folder / "build")


def synthesised(folder, sources):
    """The netlist of the engine, as a module `dq_engine_netlist`."""
    sizes = enough(ARRAY).verilog_parameters()
    known = re.findall(r"parameter int (\w+)", (folder / "rtl/dq_engine.sv").read_text())
    given = " ".join(f"-chparam {name} {size}" for name, size in sizes.items() if name in known)
    script = SYNTH["xilinx"].replace("-flatten", "-flatten -nobram")
    commands = (
        f"read_verilog -defer -sv {' '.join(map(str, sources))}; hierarchy -top dq_engine {given}; {script}; "
        f"rename -top dq_engine_netlist; write_verilog -noattr {folder}/netlist.v"
    )
    done = subprocess.run(["yosys", "-q", "-p", commands], capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "netlist.v"


def with_ports_of(engine):
    """The engine's module with its parameters and ports, and the netlist in it."""
    head = engine[engine.index("module dq_engine") :]
    head = head[: head.index("\n);") + len("\n);")]
    ports = re.findall(r"^ +(?:input|output) +logic +(?:\[[^\]]*\])? *(\w+)", head, re.MULTILINE)
    return f"{head}\n  dq_engine_netlist netlist ({', '.join(f'.{one}({one})' for one in ports)});\nendmodule\n"


@pytest.mark.parametrize("case", CASES)
def test_the_netlist_equals_the_integer_model(built, tmp_path, case):
    outcome = run(Icarus(), built, CASES[case](), ARRAY, tmp_path)
    assert outcome.passed, outcome.verdict


@pytest.mark.parametrize("case", ["split_and_join", "depthwise"])
def test_the_netlist_bears_waiting(built, tmp_path, case):
    outcome = run(Icarus(), built, CASES[case](), ARRAY, tmp_path, stall=40, seed=3)
    assert outcome.passed, outcome.verdict
