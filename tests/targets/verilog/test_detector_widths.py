"""The embedded detector at every width, its head behind it, in both simulators: every map and every detection.

It is the trained one, for pictures of 32x32, which Icarus runs in seconds; at its full size see `test_whole_networks`.
"""

from __future__ import annotations

import shutil

import pytest
from bench import sources_in_order, written
from detectors import ENGINE, built_once, integers, small

from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Icarus, Verilator

pytestmark = [
    pytest.mark.skipif(shutil.which(one.program) is None, reason=f"{one.name} is not installed")
    for one in (Icarus, Verilator)
]


@pytest.mark.parametrize("recipe", ["w8a8", "w4a8", "w3a8", "w4a4"])
def test_every_map_and_detection_in_both_simulators(tmp_path_factory, tmp_path, recipe):
    """Icarus with an array for weights of that width, Verilator with one for all of them, where memory waits too."""
    graph, head, images = integers(*small(recipe, tmp_path / "model.onnx"))
    codes = graph.run_codes(images)
    candidates, found = int((head.logits(codes) >= head.threshold).sum()), head.run(codes)
    assert candidates - len(found.codes) > 30 and len(found.codes) >= 5 and not found.left_out  # most are suppressed
    assert len(set(found.classes)) > 1

    own, shared = (lower(graph, ENGINE.array, least, head) for least in (None, ENGINE))
    assert own.engine.weight == int(recipe[1]) and shared.engine == ENGINE
    outcome = simulated(Icarus(), own, graph, images, tmp_path / "icarus")
    assert outcome.passed and outcome.detections == len(found.codes), outcome.verdict
    assert outcome.cycles == cycles_of(own).total
    waits = {"stall": 20, "images": 2}
    outcome = simulated(Verilator(), shared, graph, images, tmp_path / "verilator", waits, built_once(tmp_path_factory))
    assert outcome.passed and outcome.detections == len(found.codes), outcome.verdict


def simulated(simulator, program, graph, images, folder, options=None, built=None):
    """What a simulator says of a program, in a test bench of its own where none is given."""
    files = hardware_files(program, graph, images, ["mem"])
    written(files, folder)
    built = built or simulator.build(sources_in_order([folder / path for path in files]), folder / "build")
    return simulator.run(built, {"mem": folder / "mem", "vectors": folder / "tb/vectors", **(options or {})})
