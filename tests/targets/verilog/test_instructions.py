"""Every instruction in simulation, bit for bit, with and without waiting."""

from __future__ import annotations

import shutil

import pytest
from cases import CASES
from nets import Net

from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
ARRAYS = {
    "4x4": Array(icp=4, ocp=4, lanes=2),
    "2x8": Array(icp=2, ocp=8, lanes=2),
    "8x4": Array(icp=8, ocp=4, lanes=4),
}


def enough(array):
    return Engine(
        array=array, weight=8, accumulator=32, multiplier=25, log_entries=10, address=13, log_tiles=8, segments=8
    )


def written(files, folder):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """built(array): the test bench for an array, built once for all cases."""
    known = {}

    def build(array):
        if array not in known:
            folder = tmp_path_factory.mktemp("icarus")
            net = Net((1, 1, 1, 1))
            net.conv("image", 1)
            files = hardware_files(lower(net.graph(), array, enough(array)), net.graph(), net.images(), ["mem"])
            written(files, folder)
            sources = [folder / path for path in files if path.endswith(".sv")]
            known[array] = Icarus().build(sorted(sources, key=lambda path: "config" not in path.name), folder / "build")
        return known[array]

    return build


def run(built, net, array, folder, image=None, **options):
    graph = net.graph()
    program = lower(graph, array, enough(array))
    assert program.engine == enough(array)
    written(hardware_files(program, graph, net.images(image), ["mem"]), folder)
    return Icarus().run(built(array), {"mem": folder / "mem", "vectors": folder / "tb/vectors", **options})


@needs_icarus
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("case", CASES)
def test_an_instruction_equals_the_integer_model(built, tmp_path, case, array):
    outcome = run(built, CASES[case](), ARRAYS[array], tmp_path)
    assert outcome.passed, outcome.verdict
