"""Whole networks in Verilator: every map of every instruction, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bench import run_head, sources_in_order, written
from detectors import ENGINE, built_once, network
from heads import CASES, WAITS, case

from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Verilator

pytestmark = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
ASSETS = Path(__file__).resolve().parents[4] / "shared" / "assets"
OTHERS = [*(("yolov8-pico", recipe) for recipe in ("w4a8", "w3a8", "w4a4")), ("resnet-pico", "w8a8")]


@pytest.fixture
def built(tmp_path_factory):
    """The test bench that all of these networks share."""
    return built_once(tmp_path_factory)


def simulated(built, factory, model, recipe):
    """What the test bench says of an embedded model."""
    graph, head, images = network(model, recipe)
    program = lower(graph, ENGINE.array, ENGINE, head)
    assert program.engine == ENGINE
    return outcome_of(built, factory, hardware_files(program, graph, images, ["mem"]), 5)


def outcome_of(built, factory, files, stall):
    """What the test bench says of a folder."""
    folder = written(files, factory.mktemp("hw"))
    return Verilator().run(built, {"mem": folder / "mem", "vectors": folder / "tb/vectors", "stall": stall})


def test_maps_and_detections_of_the_embedded_detector_and_of_heads_in_corners(built, tmp_path_factory):
    outcome = simulated(built, tmp_path_factory, "yolov8-pico", "w8a8")
    assert outcome.passed, outcome.verdict
    assert outcome.detections is not None and outcome.detections > 20
    for name, facts in CASES.items():
        for stall, receiver in WAITS:
            folder, waits = tmp_path_factory.mktemp("head"), {"stall": stall, "receiver": receiver, "images": 2}
            outcome = run_head(Verilator(), built, case(**facts), ENGINE, folder, seed=stall, **waits)
            assert outcome.passed, f"{name}, {waits}: {outcome.verdict}"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "recipe"), OTHERS)
def test_maps_and_detections_of_an_embedded_model(built, tmp_path_factory, model, recipe):
    outcome = simulated(built, tmp_path_factory, model, recipe)
    assert outcome.passed, outcome.verdict
    assert (outcome.detections is None) == (model == "resnet-pico")


@pytest.mark.slow
def test_a_head_whose_places_are_all_taken(built, tmp_path_factory):
    """1024 candidates of 16 thousand pairs, of which the best fill the memory of detections or nearly."""
    facts = {"sizes": ((30, 30), (15, 15), (8, 8)), "classes": 17, "confidence": 0.0, "capacity": 1024, "limit": 300}
    for iou in (0.2, 0.9):
        one = case(**facts, iou=iou, scale=0.05)
        program = lower(one.graph, ENGINE.array, ENGINE, one.head)
        assert program.engine == ENGINE
        outcome = outcome_of(built, tmp_path_factory, hardware_files(program, one.graph, one.images, ["mem"]), 0)
        assert outcome.passed, outcome.verdict
        pairs, places = 17 * (900 + 225 + 64), 1024
        assert outcome.left_out == pairs - places and (iou < 0.5 or outcome.detections == 300)
        assert outcome.head_cycles < 32 * pairs + places * (33 + 308 + 191)


def on_a_photograph(folder, model, **options):
    """What the test bench says of a trained detector at 16x16, and its program."""
    graph, head, images = network(ASSETS / "weights/detect" / model, "w8a8", ASSETS / "coco/coco300.yaml", **options)
    program = lower(graph, head=head)
    files = hardware_files(program, graph, images, ["mem"])
    written(files, folder)
    own = Verilator().build(sources_in_order([folder / path for path in files]), folder / "build")
    return Verilator().run(own, {"mem": folder / "mem", "vectors": folder / "tb/vectors"}), program


@pytest.mark.slow
@pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained detectors at {ASSETS}")
def test_maps_of_nanodet_which_mixes_pixels(tmp_path):
    outcome, program = on_a_photograph(tmp_path, "nanodet_m_320.onnx")
    assert outcome.passed, outcome.verdict
    assert outcome.cycles == cycles_of(program).total
    assert sum(one.clamped for one in program.instructions) == 4  # twice larger, twice smaller


@pytest.mark.slow
@pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained detectors at {ASSETS}")
def test_maps_and_detections_of_yolov8n_on_a_photograph(tmp_path):
    outcome, _ = on_a_photograph(tmp_path, "yolov8n.pt", imgsz=320)
    assert outcome.passed, outcome.verdict
    assert outcome.detections and outcome.use > 90
    assert outcome.head_cycles < 0.1 * outcome.cycles
