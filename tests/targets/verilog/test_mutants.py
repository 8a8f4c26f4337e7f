"""The mutation score of the directed vectors: every fault that is put into the RTL is found by one of them."""

from __future__ import annotations

import shutil

import pytest
from bench import enough, run, run_head, written
from cases import CASES
from heads import CASES as HEADS
from heads import WAITS, sizes_for
from heads import case as head_case
from mutants import HEAD_MUTANTS, MUTANTS
from nets import Net

from detquant.errors import TargetError
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus

ARRAYS = (Array(icp=4, ocp=4, lanes=2), Array(icp=8, ocp=4, lanes=4))
FIRST = (
    "conv_plain", "pools", "products", "sums", "means", "conv_bounded", "conv_saturating", "enlarged", "split_and_join",
    "blended_smaller", "blended",
)  # fmt: skip
"""What finds most faults soonest."""


def test_every_fault_is_there_to_be_put_in():
    sources = {path.removeprefix("rtl/"): text for path, text in _sources(ARRAYS[0]).items() if path.startswith("rtl/")}
    for name, (file, before, after) in {**MUTANTS, **HEAD_MUTANTS}.items():
        assert sources[file].count(before) >= 1 and before != after, name
    assert len(MUTANTS) >= 20 and len(HEAD_MUTANTS) >= 12


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_found(tmp_path, name):
    assert _finder(tmp_path, name), f"no case tells an engine in which {name}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", HEAD_MUTANTS)
def test_a_fault_of_the_head_is_found(tmp_path, name):
    assert _finder_of_head(tmp_path, name), f"no case tells a head in which {name}"


def _finder(folder, name):
    """The first case that fails on a mutant; None where it survives."""
    order = [*FIRST, *(case for case in CASES if case not in FIRST)]
    for number, array in enumerate(ARRAYS):
        own = folder / str(number)
        built = _built(own, _sources(array), MUTANTS[name])
        if built is None:
            return "the build"
        for case in order:
            for stall in (0, 40):
                outcome = run(
                    Icarus(), built, CASES[case](), array, own / case, timed=False, stall=stall, limit=200_000
                )
                if not outcome.passed:
                    return f"{case}, {array.icp}x{array.ocp}, {stall} per cent: {outcome.verdict}"
    return None


def _finder_of_head(folder, name):
    engine = enough(ARRAYS[1], sizes_for(5))  # 5 bins: codes of a cell that end within a word
    built = _built(folder, _sources(engine.array, engine.head), HEAD_MUTANTS[name])
    if built is None:
        return "the build"
    for case, facts in HEADS.items():
        for stall, receiver in WAITS:
            waits = {"stall": stall, "receiver": receiver, "limit": 40_000}
            outcome = run_head(Icarus(), built, head_case(bins=5, **facts), engine, folder, **waits)
            if not outcome.passed:
                return f"{case}, {waits}: {outcome.verdict}"
    return None


def _built(folder, files, mutant):
    """The test bench with a fault; None where no simulator takes it."""
    file, before, after = mutant
    files[f"rtl/{file}"] = files[f"rtl/{file}"].replace(before, after)
    written({path: text.encode() for path, text in files.items()}, folder)
    try:
        return Icarus().build([folder / path for path in files], folder / "build")
    except TargetError:
        return None


def _sources(array, head=None):
    net = Net((1, 1, 1, 1))
    net.conv("image", 1)
    files = hardware_files(lower(net.graph(), array, enough(array, head)), net.graph(), net.images(), ["mem"])
    return {path: content.decode() for path, content in files.items() if path.endswith(".sv")}
