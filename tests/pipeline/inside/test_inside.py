"""The inside of the embedded detector, quantised for the runtimes that tell of it, and for one that does not."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from statistics import median

import numpy as np
import onnx
import pytest

from detquant.data import open_scenes
from detquant.embedded import embedded_model
from detquant.pipeline.detector import load
from detquant.pipeline.entries import own_file, quantized_entry
from detquant.pipeline.inside import LOOKING, inside_of
from detquant.pipeline.inside.graph import drawing_of
from detquant.pipeline.inside.node_data import node_data
from detquant.pipeline.inside.times import profile_of, timed
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.report.files import to_json
from detquant.report.model_explorer import ERROR_FILE, PRECISION_FILE
from detquant.report.saved import report_of
from detquant.report.slow import why_slow
from detquant.targets import load_target
from detquant.targets.openvino_file import OwnIr

OPENVINO = pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="the extra openvino is not installed")
RULES = replace(load_recipe("w8a8"), steps=())
"""The rules of the built-in recipe, without its steps: they take time, and a clock."""


@pytest.fixture(scope="module")
def detector():
    return load(embedded_model("yolov8-pico"))


@pytest.fixture(scope="module")
def scenes():
    return open_scenes(0, calibration=4, validation=2)


@pytest.fixture(scope="module")
def entries(detector, scenes):
    """entries(target, recipe): the job, the quantised entry and the float one, made once."""
    kept = {}

    def make(target, recipe=RULES):
        if (target, recipe.name) not in kept:
            job = Job(detector=detector, dataset=scenes, recipe=recipe, target=load_target(target), calib=3)
            made = replace(quantized_entry(job, 1), name="quantized")
            kept[target, recipe.name] = job, made, own_file(detector, job.target, 1)
        return kept[target, recipe.name]

    return make


@pytest.fixture(scope="module")
def evidence(entries):
    """evidence(target): its inside, looked at once."""
    kept = {}
    return lambda target: kept[target] if target in kept else kept.setdefault(target, inside_of(*entries(target), 1))


TOLD = ["ort", pytest.param("openvino", marks=OPENVINO)]


@pytest.mark.parametrize("target", TOLD)
def test_layers_that_were_planned_on_codes_ran_on_codes(evidence, target):
    blocks = evidence(target).blocks
    layers = [one for one in blocks if one.macs and not one.tail]
    assert len(layers) == 63 and sum(one.title == "Conv 3x3 + SiLU" for one in layers) == 39
    assert {(one.planned, one.executed) for one in layers} <= {("w8a8", "int8"), ("float", "float")}
    assert sum(one.executed == "int8" for one in layers) >= 57
    assert all((one.why_float is None) == (one.planned != "float") for one in blocks)
    assert {one.planned for one in blocks} == {"w8a8", "a8", "float"}


@pytest.mark.parametrize("target", TOLD)
def test_the_graph_hangs_together(evidence, detector, target):
    blocks = evidence(target).blocks
    names = [one.name for one in blocks]
    assert len(set(names)) == len(names) and all(one.name == one.operators[0] for one in blocks)
    before = set[str]()
    for one in blocks:
        assert set(one.inputs) <= before, "blocks come after what they read"
        before.add(one.name)
    assert blocks[0].inputs == () and blocks[0].shape == "1x8x128x128"
    ours = {name for one in blocks for name in one.operators}
    theirs = {node.name for node in detector.imported.model.graph}
    assert len(ours & theirs) > 0.85 * len(ours), "names are those of the user's file"
    [tail] = [one for one in blocks if one.tail]
    assert tail is blocks[-1] and tail.title.startswith("decoding") and tail.why_float == "decode tail"
    assert tail.executed == "float"


@pytest.mark.parametrize("target", TOLD)
def test_errors_grow_with_the_depth(evidence, target):
    found = evidence(target)
    errors = [one.error_db for one in found.blocks if one.error_db is not None]
    assert len(errors) > 0.9 * len(found.blocks) and errors[0] > median(errors) + 5
    alone = {one.name: one.alone_db for one in found.tensors if one.kind == "activation"}
    together = {one.name: one.cumulative_db for one in found.tensors if one.cumulative_db is not None}
    worse = [alone[name] - db for name, db in together.items() if alone[name] is not None]
    assert len(worse) > 50 and sum(one > -0.5 for one in worse) > 0.95 * len(worse)


@pytest.mark.parametrize("target", TOLD)
def test_both_models_are_timed_by_operator(evidence, target):
    found = evidence(target)
    assert [one.row for one in found.profiles] == ["float", "quantized"]
    for profile in found.profiles:
        whole = sum(one.ms for one in profile.operators)
        assert whole > 0 and sum(one.ms for one in profile.operators if one.block) > 0.5 * whole
    before, after = found.profiles
    assert {one.precision for one in before.operators} <= {"float", "int64"}
    assert "int8" in {one.precision for one in after.operators}
    said = why_slow(before, after, found.blocks)
    assert said and "layers on codes" in said[0]


@OPENVINO
def test_an_ir_of_anyone_is_timed_by_the_blocks_of_the_graph_that_was_read(detector, scenes, tmp_path):
    """OpenVINO names its layers after operations; the imported graph has the names of tensors."""
    place = load_target("openvino")
    for name, content in place.lower_float(detector.imported.model, "fp32").files.items():
        (tmp_path / name).write_bytes(content)
    own = load(tmp_path / "model.xml", family="yolov8")
    job = Job(detector=own, dataset=scenes, recipe=RULES, target=place, calib=3)
    names = drawing_of(job, replace(own_file(own, place, 1), name="float")).names
    [image] = own.imported.model.graph.inputs
    entry = own_file(own, place, 1)
    assert isinstance(entry.runner, OwnIr)
    operators = profile_of("float", timed(entry, {image.name: np.zeros(image.shape.numpy(), np.float32)}), names)
    told = [one for one in operators.operators if one.block]
    assert len(told) > 0.9 * len(operators.operators)
    assert sum(one.ms for one in told) > 0.9 * sum(one.ms for one in operators.operators)
    layers = [one.block for one in told if one.kind == "Convolution"]
    assert len(layers) == len({*layers}) > 60  # each in a block of its own


def test_a_runtime_that_does_not_tell(evidence):
    found = evidence("opencv")
    assert found.profiles == () and {one.executed for one in found.blocks} == {None}
    assert found.tensors and any(one.error_db for one in found.blocks)


def test_provenance(evidence, scenes):
    made = evidence("ort").provenance
    assert made.command == "detquant.quantize" and made.processor and "Python" in made.system
    assert made.calibration == tuple(path.name for path in scenes.calibration[:3])
    assert len(made.data_sha256) == 64 and {"detquant", "onnxruntime", "numpy"} <= made.packages.keys()


def test_nodes_are_called_as_in_the_file(evidence, entries):
    _, made, _ = entries("ort")
    files = node_data(evidence("ort"), made.artefact)
    assert list(files) == [ERROR_FILE, PRECISION_FILE]
    there = {node.name for node in onnx.load_from_string(made.artefact.files["model.onnx"]).graph.node}
    for content in files.values():
        results = json.loads(content)["results"]
        assert len(results) > 200 and results.keys() <= there


@pytest.mark.skipif(not importlib.util.find_spec("ai_edge_litert"), reason="the extra tflite is not installed")
def test_nodes_of_tflite_are_called_by_their_results(evidence, entries):
    _, made, _ = entries("tflite")
    files = node_data(evidence("tflite"), made.artefact)
    opened = load_target("tflite").interpreter(made.artefact.files["model.tflite"], 1)
    there = {one["name"] for one in opened.get_tensor_details()}
    assert list(files) == [ERROR_FILE]
    results = json.loads(files[ERROR_FILE])["results"]
    assert len(results) > 50 and results.keys() <= there
    layers = {one.executed for one in evidence("tflite").blocks if one.macs and one.planned == "w8a8"}
    assert layers == {"int8"} and evidence("tflite").profiles == ()


def test_it_comes_back_from_json(evidence, report):
    whole = replace(report, evidence=evidence("ort"))
    again = report_of(json.loads(to_json(whole.figures())))
    assert again.evidence == whole.evidence


def test_only_its_own_part_is_filled(evidence):
    found = evidence("ort")
    assert (found.seen, found.thresholds, found.parts, found.interval, found.usual) == ((), None, (), None, None)


@pytest.mark.parametrize(("recipe", "planned"), [("dynamic", {"w8a8", "float"}), ("fp16", {"fp16"})])
def test_recipes_that_calibrate_nothing(entries, recipe, planned):
    job, made, reference = entries("ort", load_recipe(recipe))
    found = inside_of(job, made, reference, 1, call="detquant.choose")
    assert {one.planned for one in found.blocks} == planned
    assert found.provenance.calibration == () and found.provenance.command == "detquant.choose"
    assert len(found.profiles) == 2 and all(one.kind == "weight" for one in found.tensors)
    layers = {one.executed for one in found.blocks if one.macs and one.planned == "w8a8"}
    assert layers == ({"int8"} if recipe == "dynamic" else set())


def test_grids_wider_than_kernels_run_in_float_and_it_is_said(entries):
    job, made, reference = entries("ort", replace(load_recipe("w8a16"), steps=()))
    layers = [one for one in inside_of(job, made, reference, 1).blocks if one.planned == "w8a16"]
    assert layers and {one.executed for one in layers} == {"float"}
    assert {one.why_float for one in layers} == {"ort has no integer kernels for activations of 16 bits"}


def test_it_shows_progress(entries):
    job, made, reference = entries("opencv")
    told = []
    inside_of(replace(job, progress=lambda *tick: told.append(tick)), made, reference, 1)
    assert told == [(LOOKING, done, 3) for done in range(4)]
