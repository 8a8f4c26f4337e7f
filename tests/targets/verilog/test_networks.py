"""Whole networks in Verilator: every map of every instruction, bit for bit."""

from __future__ import annotations

import shutil

import pytest
from bench import written

from detquant.calibration import Collector, calibrate
from detquant.data import iter_images, open_dataset
from detquant.integer.model import IntegerModel
from detquant.numerics import quantize
from detquant.pipeline.detector import load
from detquant.recipes import load_recipe, plan
from detquant.targets.verilog.capability import CAPABILITY
from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.proof.simulators import Verilator

pytestmark = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
ENGINE = Engine(
    array=Array(icp=8, ocp=8, lanes=4), weight=8, accumulator=32, multiplier=25, log_entries=10, address=17,
    log_tiles=9, segments=8,
)  # fmt: skip
NETWORKS = [
    pytest.param(model, recipe, marks=[] if (model, recipe) == ("yolov8-pico", "w8a8") else pytest.mark.slow)
    for model, recipe in (
        *(("yolov8-pico", recipe) for recipe in ("w8a8", "w4a8", "w3a8", "w4a4")),
        ("resnet-pico", "w8a8"),
    )
]


def network(model, recipe):
    """The integer network of an embedded model, and codes of an image that it was not calibrated with."""
    one = load(model)
    name, paths = one.family.input_name, open_dataset("scenes", 0).validation[:3]
    *seen, unseen = ({name: one.family.preprocess(image)[0]} for _, image in iter_images(paths, []))
    decided = plan(one.model, load_recipe(recipe), CAPABILITY, None, None)
    collector = Collector(model=one.model, plan=decided, by_channel=())
    statistics = collector.collect(lambda which: (seen[k] for k in which), len(seen))
    graph = IntegerModel(calibrate(one.model, decided, statistics, CAPABILITY).qdq()).network
    return graph, {image.codes: quantize(unseen[name], image.grid) for name, image in graph.images.items()}


@pytest.fixture(scope="module")
def built():
    """Where the test bench is kept that the first network builds for all of them."""
    return []


@pytest.mark.parametrize(("model", "recipe"), NETWORKS)
def test_every_map_of_an_embedded_model_is_the_integer_models(built, tmp_path_factory, model, recipe):
    graph, images = network(model, recipe)
    program = lower(graph, ENGINE.array, ENGINE)
    assert program.engine == ENGINE
    folder, files = tmp_path_factory.mktemp("hw"), hardware_files(program, graph, images, ["mem"])
    written(files, folder)
    if not built:
        sources = sorted((path for path in files if path.endswith(".sv")), key=lambda path: "config" not in path)
        built.append(Verilator().build([folder / path for path in sources], tmp_path_factory.mktemp("build")))
    outcome = Verilator().run(built[0], {"mem": folder / "mem", "vectors": folder / "tb/vectors", "stall": 5})
    assert outcome.passed, outcome.verdict
