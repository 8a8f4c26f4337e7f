from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from detquant._version import __version__
from detquant.errors import DatasetError, ModelError, OutputError
from detquant.families import COCO_NAMES
from detquant.pipeline import quantize as module
from detquant.pipeline.detector import load
from detquant.pipeline.memory import FOLDER
from detquant.pipeline.quantize import quantize
from detquant.pipeline.saved_runs import report_page
from detquant.recipes import load_recipe
from detquant.report.owned import RECORD

KEYS = {
    "float": {"ap", "ap50", "ap75", "latency_ms", "size_bytes", "zipped_bytes"},
    "quantized": {"ap", "ap50", "ap75", "latency_ms", "size_bytes", "zipped_bytes"},
    "calibration": {"images", "seconds", "peak_rss_mb"},
}
WHOLE = replace(load_recipe("w8a8"), steps=tuple(s for s in load_recipe("w8a8").steps if s.name != "placement"))
"""The built-in recipe without what depends on a clock."""


@pytest.fixture
def data(square_data):
    return square_data(images=6)


@pytest.fixture
def clock(monkeypatch):
    """Placement's measurements, made up: float is slow, so nothing is placed anew."""
    asked = []

    def alternate(sides, feed, turns):
        asked.append(turns)
        return {"reference": [1.0] * turns, "candidate": [2.0] * turns}

    monkeypatch.setattr("detquant.algorithms.placement.alternate", alternate)
    return asked


@pytest.fixture(scope="module")
def made():
    """made(key, make): made once, read by many tests."""
    kept = {}
    return lambda key, make: kept[key] if key in kept else kept.setdefault(key, make())


@pytest.fixture
def result(made, square_model, data):
    return made("result", lambda: quantize(square_model, data, recipe=WHOLE, calib=4, seed=3))


def model_of(result):
    return onnx.load_from_string(result.artefact.files["model.onnx"])


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- the report


def test_the_report_says_everything(result, square_model):
    report = result.report.figures()
    assert {key: set(report[key]) for key in KEYS} == KEYS
    assert report["model_sha256"] == hashlib.sha256(square_model.read_bytes()).hexdigest()
    expected = {"recipe": "w8a8", "target": "ort", "seed": 3, "detquant_version": __version__, "images": 6}
    assert {key: report[key] for key in expected} == expected
    assert report["calibration"]["images"] == 4 and report["calibration"]["peak_rss_mb"] > 10
    assert report["agreement"] is None and report["family"] == "yolov8" and report["skipped"] == []
    assert report["float"]["size_bytes"] == square_model.stat().st_size
    assert report["quantized"]["size_bytes"] == len(result.artefact.files["model.onnx"])
    assert report["float"]["zipped_bytes"] is None
    assert 0 < report["quantized"]["zipped_bytes"] < report["quantized"]["size_bytes"]


def test_it_still_sees(result):
    before, after = (row.value("ap") for row in result.report.rows)
    assert before == pytest.approx(100) and after > 95 and result.report.drop == before - after
    assert result.report.subject.quantization.share.macs_percent > 50


def test_sqnr_is_given_for_tensors_of_the_quantised_part(result):
    table = result.report.figures()["sqnr_db"]
    assert {"r0", "r1", "r2", "r3"} <= set(table)
    assert not {"images", "c0", "s0"} & set(table)  # the image itself, SiLU's input, a sigmoid
    assert min(table.values()) > 15


def test_its_inside_is_shown(result):
    evidence, decided = result.report.evidence, result.report.subject.quantization
    assert {one.kind for one in evidence.tensors} == {"activation", "weight"}
    assert {one.name for one in evidence.tensors} >= set(decided.sqnr_db)
    assert {one.executed for one in evidence.blocks if one.macs} >= {"int8"}
    assert [one.row for one in evidence.profiles] == ["float", "quantized"]
    assert evidence.provenance.processor and len(evidence.provenance.calibration) == decided.calibration.images


def test_saved_is_what_was_made(result, tmp_path):
    result.save(tmp_path / "out")
    explored = ["model_explorer.json", "model_explorer_precision.json"]
    names = [RECORD, "decode.json", "model.onnx", *explored, "report.html", "report.json", "report.md"]
    pictures = [one.file for one in result.report.evidence.seen]
    assert files_in(tmp_path / "out") == sorted([*names, *pictures])
    assert (tmp_path / "out/model.onnx").read_bytes() == result.artefact.files["model.onnx"]
    assert json.loads((tmp_path / "out/report.json").read_text())["recipe"] == "w8a8"
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == len(pictures)
    assert report_page([tmp_path / "out"]) == page  # made again of what was saved, it is the same


def test_saving_replaces_neither_the_model_nor_what_is_not_detquants(square_model, data, tmp_path):
    model = square_model.rename(tmp_path / "model.onnx")
    before = model.read_bytes()
    result = quantize(model, data, recipe=WHOLE, calib=2, val_limit=1)
    with pytest.raises(OutputError, match=r"model\.onnx' is read by this run"):
        result.save(tmp_path)
    model.rename(tmp_path / "float.onnx")
    (tmp_path / "report.md").mkdir()
    with pytest.raises(OutputError, match=r"report\.md' is a folder"):
        result.save(tmp_path)
    assert (tmp_path / "float.onnx").read_bytes() == before and not (tmp_path / "report.json").exists()
    (tmp_path / "report.md").rmdir()
    result.save(tmp_path)
    assert (tmp_path / "report.json").is_file()


def test_progress_has_all_of_it(square_model, data):
    ticks = []
    quantize(square_model, data, recipe=WHOLE, calib=3, val_limit=2, progress=lambda *tick: ticks.append(tick))
    assert [tick for tick in ticks if tick[0] == "calibrating"] == [("calibrating", k, 3) for k in (1, 2, 3)]
    assert [tick for tick in ticks if tick[0] == "evaluating"] == [("evaluating", k, 2) for k in (1, 2)]


# ---------------------------------------------------------------- the file


def test_the_file_says_how_to_read_it(result):
    words = {entry.key: entry.value for entry in model_of(result).metadata_props}
    assert words["detquant.family"] == "yolov8" and words["detquant.recipe"] == "w8a8"
    assert json.loads(words["detquant.classes"])[:2] == ["person", "bicycle"]
    assert json.loads(words["detquant.imgsz"]) == [96, 96]
    assert words["detquant.classes_supposed"] == "true"  # the float file names none


def test_words_that_are_no_text_are_written_out(square_model, data):
    found = quantize(square_model, data, recipe=replace(WHOLE, name="caf\udce9"), calib=1, val_limit=1)
    words = {entry.key: entry.value for entry in model_of(found).metadata_props}
    assert words["detquant.recipe"] == r"caf\xe9"


def test_inputs_and_outputs_are_those_of_the_float_model(result, square_proto):
    found = model_of(result)
    assert next(o.version for o in found.opset_import if not o.domain) >= 19
    for side in ("input", "output"):
        expected = getattr(square_proto.graph, side)
        assert list(getattr(found.graph, side)) == list(expected)


def test_weights_are_int8_by_channel_and_activations_uint8(result):
    graph = model_of(result).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    by_output = {name: node for node in graph.node for name in node.output}
    activations = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert activations and all(arrays[node.input[2]].dtype == np.uint8 for node in activations)
    assert all(arrays[node.input[1]].shape == () for node in activations)
    integer = [n for n in graph.node if n.op_type == "Conv" and n.input[1] in by_output]
    assert {node.name for node in integer} == {"stem", "conv1", "conv2", "conv3", "conv4"}
    for node in integer:
        weight = by_output[node.input[1]]
        codes, scale, zero = (arrays[name] for name in weight.input)
        assert weight.op_type == "DequantizeLinear" and weight.attribute[0].i == 0
        assert codes.dtype == zero.dtype == np.int8 and not zero.any()
        assert scale.shape == (codes.shape[0],)


def test_the_result_is_a_detector_that_evaluate_knows(result, tmp_path):
    result.save(tmp_path / "out")
    detector = load(tmp_path / "out/model.onnx")
    assert detector.is_quantized and detector.family.name == "yolov8"


def test_a_quantised_model_is_refused(result, data, tmp_path):
    result.save(tmp_path / "out")
    with pytest.raises(ModelError, match="quantised already"):
        quantize(tmp_path / "out/model.onnx", data)


# ---------------------------------------------------------------- same inputs, same bytes


def test_two_runs_in_different_folders_give_the_same_bytes(result, square_model, data, tmp_path, monkeypatch):
    again = []
    for folder, processors in (("a", 1), ("b", 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, count=processors: set(range(count)), raising=False)
        again.append(quantize(square_model, data, recipe=WHOLE, calib=4, seed=3, work=tmp_path / folder))
    assert {one.artefact.digest() for one in (*again, result)} == {again[0].artefact.digest()}
    assert {one.report.figures()["plan_digest"] for one in again} == {result.report.figures()["plan_digest"]}


def test_measured_decisions_are_kept_in_the_work_folder(square_model, data, tmp_path, clock):
    work = tmp_path / "out"
    first = quantize(square_model, data, calib=4, work=work)
    asked = len(clock)
    assert clock == [5, 5]  # the whole net, and the convolution of the image
    again = quantize(square_model, data, calib=4, work=work)
    assert len(clock) == asked and again.artefact.files == first.artefact.files
    quantize(square_model, data, calib=4, seed=1, work=work)
    quantize(square_model, data, calib=3, work=work)
    assert len(clock) == 3 * asked  # other images


def test_without_a_work_folder_nothing_is_written(square_model, data, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    quantize(square_model, data, recipe=WHOLE, calib=2, val_limit=1)
    assert not list((tmp_path / "here").iterdir())


# ---------------------------------------------------------------- what does not go as planned


def test_a_bare_folder_of_images(square_model, data):
    found = quantize(square_model, data.parent / "images/val", recipe=WHOLE, calib=4).report.figures()
    assert found["float"]["ap"] is found["quantized"]["ap"] is found["drop"] is None
    assert found["agreement"]["f1"] == pytest.approx(1.0) and found["agreement"]["reference_boxes"] == 12
    assert any("no annotations" in note for note in found["notes"])


def test_a_broken_calibration_image_is_replaced_and_named(square_model, data):
    broken = data.parent / "images/train/t2.png"
    broken.write_text("no picture")
    found = quantize(square_model, data, recipe=WHOLE, calib=128).report.figures()
    assert found["calibration"]["images"] == 5
    assert [skip["path"].rpartition("/")[2] for skip in found["skipped"]] == ["t2.png"]


class Stop:
    """Ctrl-C at a tick."""

    def __init__(self, what, at):
        self.what, self.at, self.seen = what, at, []

    def __call__(self, what, done, total):
        self.seen.append((what, done, total))
        if (what, done) == (self.what, self.at):
            raise KeyboardInterrupt


@pytest.mark.parametrize("observer", ["mean", "mse"])
def test_an_interrupted_calibration_goes_on(square_model, data, tmp_path, observer):
    rules = tuple(replace(r, activation=replace(r.activation, observer=observer)) for r in WHOLE.rules)
    recipe, work = replace(WHOLE, rules=rules), tmp_path / "out"
    whole = quantize(square_model, data, recipe=recipe, calib=6)
    stop = Stop("calibrating" if observer == "mean" else "histograms", 3)
    with pytest.raises(KeyboardInterrupt):
        quantize(square_model, data, recipe=recipe, calib=6, work=work, progress=stop)
    [left] = files_in(work)
    assert left.endswith(".npz") and (work / FOLDER / left).is_file()
    onwards = Stop("", 0)
    result = quantize(square_model, data, recipe=recipe, calib=6, work=work, progress=onwards)
    assert [done for what, done, _ in onwards.seen if what == stop.what] == [4, 5, 6]
    assert result.artefact.files == whole.artefact.files
    assert result.report.figures()["calibration"]["images"] == 6


def test_a_folder_that_cannot_be_written_is_found_out_first(square_model, data, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(module, "as_detector", None)  # would fail
    with pytest.raises(OutputError, match="is not a folder"):
        quantize(square_model, data, work=tmp_path / "file")


def test_data_that_cannot_measure_is_refused_before_the_work(square_model, data, tmp_path):
    for label in (data.parent / "labels/val").iterdir():
        label.write_text("")
    told = []
    with pytest.raises(DatasetError, match="labelled object"):
        quantize(square_model, data, work=tmp_path / "work", progress=lambda *it: told.append(it))
    assert not told and not (tmp_path / "work").exists()


@pytest.mark.parametrize("images", [1, 4])
def test_data_whose_objects_are_all_crowds_are_refused_before_the_work(square_model, data, tmp_path, images):
    """A crowd is no miss and no hit, so there would be no AP: found out after the calibration it is too late."""
    pictures = [
        {"id": at, "file_name": path.name, "width": 64, "height": 64}
        for at, path in enumerate(sorted((data.parent / "images/val").iterdir()))
    ][:images]
    crowds = [
        {"id": at + 1, "image_id": at, "category_id": 1, "bbox": [0, 0, 16, 16], "area": 256, "iscrowd": 1}
        for at in range(images)
    ]
    categories = [{"id": at + 1, "name": name} for at, name in enumerate(COCO_NAMES)]
    file = data.parent / "images/val/crowds.json"
    file.write_text(json.dumps({"images": pictures, "annotations": crowds, "categories": categories}))
    told = []
    with pytest.raises(DatasetError, match="labelled object that is no crowd") as caught:
        quantize(square_model, file, work=tmp_path / "work", progress=lambda *it: told.append(it))
    assert not told and not (tmp_path / "work").exists()
    assert str(caught.value).startswith("The one validation image has no" if images == 1 else "None of the 4")
