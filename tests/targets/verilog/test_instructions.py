"""Every instruction in simulation, bit for bit, with and without waiting."""

from __future__ import annotations

import shutil

import pytest
from bench import enough, run, sources_in_order, written
from cases import CASES
from nets import Net

from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus, Verilator

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
ARRAYS = {
    "4x4": Array(icp=4, ocp=4, lanes=2),
    "2x8": Array(icp=2, ocp=8, lanes=2),
    "8x4": Array(icp=8, ocp=4, lanes=4),
}
ALL = [(case, array) for case in CASES for array in ARRAYS]
FEW = {(case, list(ARRAYS)[number % 3]) for number, case in enumerate(CASES)}
"""Each case with one array; with all three where there is time."""
CHOSEN = [pytest.param(*one, marks=[] if one in FEW else pytest.mark.slow, id="-".join(one)) for one in ALL]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """built(array): the test bench for an array, built once for all cases."""
    known = {}

    def build(array):
        if array not in known:
            known[array] = bench_of(Icarus(), array, tmp_path_factory.mktemp("icarus"))
        return known[array]

    return build


def bench_of(simulator, array, folder):
    net = Net((1, 1, 1, 1))
    net.conv("image", 1)
    files = hardware_files(lower(net.graph(), array, enough(array)), net.graph(), net.images(), ["mem"])
    written(files, folder)
    return simulator.build(sources_in_order([folder / path for path in files]), folder / "build")


@pytest.mark.parametrize(("case", "array"), CHOSEN)
def test_an_instruction_equals_the_integer_model(built, tmp_path, case, array):
    outcome = run(Icarus(), built(ARRAYS[array]), CASES[case](), ARRAYS[array], tmp_path)
    assert outcome.passed, outcome.verdict
    assert outcome.cycles is not None and outcome.use is not None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
@pytest.mark.parametrize("array", ARRAYS)
def test_every_instruction_in_verilator(tmp_path, array):
    built = bench_of(Verilator(), ARRAYS[array], tmp_path)
    for name, case in CASES.items():
        for stall in (0, 40):
            outcome = run(Verilator(), built, case(), ARRAYS[array], tmp_path / name, stall=stall, seed=stall)
            assert outcome.passed, f"{name}, {stall} per cent: {outcome.verdict}"


@pytest.mark.parametrize(
    ("case", "stall", "images"), [("split_and_join", 30, 1), ("products", 70, 2), ("pools", 50, 1)]
)
def test_memory_and_streams_may_make_the_engine_wait(built, tmp_path, case, stall, images):
    array = ARRAYS["4x4"]
    outcome = run(Icarus(), built(array), CASES[case](), array, tmp_path, stall=stall, seed=stall, images=images)
    assert outcome.passed, outcome.verdict


@pytest.mark.parametrize("end", ["qmin", "qmax"])
def test_maps_of_one_extreme_code(built, tmp_path, end):
    net, array = CASES["conv_saturating"](), ARRAYS["4x4"]
    extreme = getattr(net.grids["image"].qtype, end)
    outcome = run(Icarus(), built(array), net, array, tmp_path, image=extreme)
    assert outcome.passed, outcome.verdict


def test_the_first_difference_is_told(built, tmp_path):
    array = ARRAYS["4x4"]
    assert run(Icarus(), built(array), CASES["pools"](), array, tmp_path).passed
    path = tmp_path / "tb/vectors/expected.mem"
    rows = path.read_text().split()
    number = 2 * 7 * 5 + 1 * 7 * 5 + 4 * 5 + 3  # behind the first instruction's two groups: group 1, y 4, x 3
    rows[number] = rows[number][:-2] + f"{int(rows[number][-2:], 16) ^ 1:02x}"
    path.write_text("\n".join(rows))
    options = {"mem": tmp_path / "mem", "vectors": tmp_path / "tb/vectors"}
    outcome = Icarus().run(built(array), options)
    assert not outcome.passed
    assert outcome.verdict.startswith("FAIL instruction 1 n_t1 channel 4 y 4 x 3 expected ")


def test_a_stream_that_ends_early_is_no_pass(built, tmp_path):
    array = ARRAYS["4x4"]
    assert run(Icarus(), built(array), CASES["conv_plain"](), array, tmp_path).passed
    path = tmp_path / "mem/weights_b8.mem"
    path.write_text("\n".join(path.read_text().split()[:-1]))
    outcome = Icarus().run(built(array), {"mem": tmp_path / "mem", "vectors": tmp_path / "tb/vectors"})
    assert not outcome.passed and "stands still in instruction 0" in outcome.verdict
