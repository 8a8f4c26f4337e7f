"""The head behind the engine in Icarus, on networks made in memory, and what is said where it differs.

All cases of `heads` run in Verilator, see `test_whole_networks.py`.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from bench import enough, run_head, sources_in_order, written
from heads import CASES, case, sizes_for

from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
BINS = 5  # codes of a cell that end within a word
ENGINE = enough(Array(icp=8, ocp=4, lanes=4), sizes_for(BINS))
SMALLER = {"sizes": ((2, 3), (1, 2)), "strides": (8, 16), "capacity": 6, "limit": 4}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder, one = tmp_path_factory.mktemp("icarus"), case(bins=BINS)
    files = hardware_files(lower(one.graph, ENGINE.array, ENGINE, one.head), one.graph, one.images, ["mem"])
    written(files, folder)
    return Icarus().build(sources_in_order([folder / path for path in files]), folder / "build")


def simulated(built, folder, stall=0, **facts):
    return run_head(Icarus(), built, case(bins=BINS, **facts), ENGINE, folder, stall=stall, seed=stall, images=2)


@needs_icarus
@pytest.mark.parametrize(("name", "stall"), [("signed codes", 40), ("equal codes", 0)])
def test_detections_are_the_integer_models(built, tmp_path, name, stall):
    outcome = simulated(built, tmp_path, stall, **{**CASES[name], **SMALLER})
    assert outcome.passed, outcome.verdict
    assert outcome.detections and outcome.left_out and outcome.head_cycles


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stall", [0, 60])
def test_every_case_in_icarus(built, tmp_path, name, stall):
    outcome = simulated(built, tmp_path, stall, **CASES[name])
    assert outcome.passed, outcome.verdict


@needs_icarus
def test_the_first_difference_is_told(built, tmp_path):
    """A score that is another, a detection more, one fewer, another number of candidates left out."""
    assert simulated(built, tmp_path, **SMALLER).passed
    words, told = ((tmp_path / "tb/vectors" / name).read_text() for name in ("found.mem", "found.txt"))
    rows, (count, left_out) = words.split(), told.split()
    score = int(rows[2][8:12], 16)
    changed = rows[2][:8] + f"{score ^ 1:04x}" + rows[2][12:]
    for content, numbers, said in (
        ([*rows[:2], changed, *rows[3:]], told, f"FAIL detection 2 field score expected {score ^ 1} got {score}"),
        (rows[:-1], f"{len(rows) - 1} {left_out}", f"FAIL detections expected {len(rows) - 1} got more"),
        ([*rows, rows[0]], f"{len(rows) + 1} {left_out}", f"FAIL detections expected {len(rows) + 1} got {count}"),
        (rows, f"{count} {int(left_out) + 1}", f"FAIL candidates left out expected {int(left_out) + 1} got {left_out}"),
    ):
        (tmp_path / "tb/vectors/found.mem").write_text("\n".join(content))
        (tmp_path / "tb/vectors/found.txt").write_text(numbers)
        outcome = Icarus().run(built, {"mem": tmp_path / "mem", "vectors": tmp_path / "tb/vectors"})
        assert not outcome.passed and outcome.verdict == said


@needs_icarus
def test_a_network_without_a_head_runs_where_there_is_one(built, tmp_path):
    one = case(bins=BINS, **SMALLER)
    one.head = None
    outcome = run_head(Icarus(), built, one, ENGINE, tmp_path)
    assert outcome.passed, outcome.verdict
    assert outcome.detections is None and (tmp_path / "mem/head.mem").read_text().split() == ["00000000"] * 4


def test_the_manifest_says_what_the_head_does():
    one = case()
    program = lower(one.graph, ENGINE.array, head=one.head)
    files = hardware_files(program, one.graph, one.images)
    told = json.loads(files["manifest.json"])
    head, found = told["head"], one.head.run(one.graph.run_codes(one.images))
    assert head["candidates"] == 12 and head["detections"] == 10 and head["bins"] == 16
    assert [level["stride"] for level in head["levels"]] == [8, 16, 32]
    assert told["engine"]["HEAD"] == 1 and "mem/head.mem" in told["sha256"] and "mem/head.bin" in files
    places = [head["fields_of_16_bits"].index(name) for name in ("x1", "y2", "class", "score", "code")]
    rows = [[int(row[28 - 4 * k : 32 - 4 * k], 16) for k in places] for row in files["tb/vectors/found.mem"].split()]
    expected = [found.boxes[:, 0], found.boxes[:, 3], found.classes, found.scores]
    expected.append(found.codes - head["codes_stored_less"])
    assert np.array_equal(np.array(rows), np.stack(expected, axis=1) & 0xFFFF) and len(rows) == len(found.codes)
    assert json.loads(hardware_files(lower(one.graph), one.graph, one.images)["manifest.json"])["head"] is None
