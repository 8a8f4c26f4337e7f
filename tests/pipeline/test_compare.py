"""One comparison for all commands: each holds artefacts to their plan, finishes them, and tells the same figures."""

from __future__ import annotations

import json
from dataclasses import replace

import onnx
import pytest

from detquant.cli import main
from detquant.data import open_dataset
from detquant.errors import TargetError
from detquant.families import THRESHOLD
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.entries import Entry, float_entries, own_file, quantized_entry
from detquant.pipeline.job import Job
from detquant.recipes import load_recipe
from detquant.targets import Artefact, load_target
from detquant.targets.ort import Ort

PLACE = load_target("ort")
WHOLE = replace(load_recipe("w8a8"), steps=())


class Blind:
    """A model that finds nothing."""

    def __init__(self, runner):
        self.runner = runner

    def run(self, feeds):
        return {name: 0 * array for name, array in self.runner.run(feeds).items()}


@pytest.fixture
def setting(square_model, square_data):
    """setting(labelled): a detector, images, and the entries own file and w8a8."""

    def make(labelled=True):
        detector, path = load(square_model), square_data(images=60)
        dataset = open_dataset(path if labelled else path.parent / "images/val")
        job = Job(detector=detector, dataset=dataset, recipe=WHOLE, target=PLACE, calib=2)
        return detector, dataset, [own_file(detector, PLACE, 1), quantized_entry(job, 1)]

    return make


def test_rows_in_the_order_of_the_entries(setting):
    detector, dataset, entries = setting()
    failed = Entry(name="none", title="none", place=PLACE, precision="int8", failure="It fails.")
    found = compare([entries[0], failed, entries[1]], detector.family, dataset, limit=6)
    assert [row.name for row in found.rows] == ["float", "none", "ort w8a8"]
    first, none, last = found.rows
    assert first.ratio == 1 and first.files == () and first.size_bytes == detector.imported.size_bytes
    assert none.failure == "It fails." and none.latency_ms is none.size_bytes is none.accuracy is None
    assert last.ratio == pytest.approx(last.latency_ms / first.latency_ms) and last.value("ap") > 90
    [file] = last.files
    assert file.size_bytes == last.size_bytes and last.digest == found.artefact("ort w8a8").digest()
    assert last.quantization.calibration.images == 2 and list(found.files) == ["model.onnx"]


def test_the_threshold_is_in_the_file_and_nothing_else_is_changed(setting):
    detector, dataset, entries = setting()
    found = compare(entries, detector.family, dataset, limit=6)
    chosen = found.thresholds("ort w8a8")
    before, after = (onnx.load_from_string(one.artefact.files["model.onnx"]) for one in (entries[1], found.finished[1]))
    assert {one.key: one.value for one in after.metadata_props}[THRESHOLD] == repr(chosen.proposed)
    del before.metadata_props[:], after.metadata_props[:]
    assert before == after and found.thresholds("float") is None
    asked = compare(entries, detector.family, dataset, limit=6, confidence=0.9, keeps="f1").thresholds("ort w8a8")
    assert (asked.asked, asked.by, asked.labelled) == (0.9, "f1", True)


def test_nothing_that_runs(setting):
    detector, dataset, _ = setting()
    failed = Entry(name="none", title="none", place=PLACE, precision="int8", failure="It fails.")
    with pytest.raises(TargetError, match=r"no model to measure\. none: It fails\."):
        compare([failed], detector.family, dataset)


def test_without_labels_all_agree_with_the_first(setting):
    detector, dataset, entries = setting(labelled=False)
    found = compare(entries, detector.family, dataset, limit=6)
    assert [row.accuracy for row in found.rows] == [None, None]
    assert found.rows[0].agreement.f1 == 1 and found.rows[1].value("agreement") > 90
    report = found.report(detector, dataset, 1)
    assert report.measure == "agreement" and any("no annotations" in note.sentence for note in report.notes)


def test_an_entry_that_misses_its_plan_is_refused_or_left_out(setting):
    detector, dataset, (first, good) = setting()
    bad = replace(good, name="bad", runner=Blind(good.runner))
    with pytest.raises(TargetError, match="does not compute what was planned"):
        compare([first, bad], detector.family, dataset)
    found = compare([first, bad, good], detector.family, dataset, strict=False)
    assert [row.name for row in found.rows] == ["float", "ort w8a8"]
    assert list(found.refused) == ["bad"]
    note = found.report(detector, dataset, 1).notes[0]
    assert note.step == "as planned" and note.sentence.startswith("bad: The quantised model opens on ort")


def test_what_the_vendors_compiler_made_is_among_the_files(setting, monkeypatch):
    def finish(self, artefact, family, image):
        return Artefact({**artefact.files, "model.blob": b"blob"}), ("Flash it.",)

    monkeypatch.setattr(Ort, "finish", finish)
    detector, dataset, entries = setting()
    found = compare([entries[0], replace(entries[1], folder="w8a8/")], detector.family, dataset, limit=2)
    first, row = found.rows
    assert [file.name for file in row.files] == ["w8a8/model.onnx", "w8a8/model.blob"] == list(found.files)
    assert row.size_bytes == row.files[0].size_bytes and row.notes[-1].sentence == "Flash it."
    assert not first.files and not any(note.step == "runtime" for note in first.notes)  # the user's own file


def test_timed_apart_where_that_is_asked(setting, monkeypatch):
    asked = []

    def timed(runners, feed, runs):
        asked.append((list(runners), list(feed), runs))
        return compare_latency(runners, feed, runs)

    from detquant.pipeline import compare as module
    from detquant.targets.latency import compare_latency

    monkeypatch.setattr(module, "compare_latency", timed)
    detector, dataset, entries = setting()
    compare(entries, detector.family, dataset, limit=2)
    assert not asked
    found = compare(entries, detector.family, dataset, limit=2, runs=3)
    assert asked == [(["float", "ort w8a8"], ["images"], 3)] and found.rows[0].ratio == 1


def test_the_clock_does_not_need_the_first_image(setting):
    detector, dataset, entries = setting()
    dataset.validation[0].write_text("no picture")
    found = compare(entries, detector.family, dataset, limit=3, runs=1)
    assert found.measured.images == 2 and found.rows[1].latency_ms > 0


def test_entries_of_a_place_have_names_of_their_own(setting):
    detector, dataset, (_, entry) = setting()
    entries = [*float_entries(detector, PLACE, 1), entry]
    assert [one.name for one in entries] == ["ort fp32", "ort fp16", "ort w8a8"]
    feed = next(stream(detector.family, choose_images(dataset, 1, [])))
    assert all(one.runner.run(feed) and one.artefact for one in entries)


# ---------------------------------------------------------------- commands

WITHOUT_STEPS = """
[[rules]]
ops = ["*"]
weight = { qtype = "int8", granularity = "per_axis" }
activation = { qtype = "uint8", symmetric = false }
"""


@pytest.fixture
def blind_in_integers(monkeypatch):
    """ONNX Runtime gets every quantised model wrong."""
    opened = Ort.open

    def open_it(self, artefact, threads=1):
        runner = opened(self, artefact, threads)
        return Blind(runner) if b"QuantizeLinear" in artefact.files["model.onnx"] else runner

    monkeypatch.setattr(Ort, "open", open_it)


@pytest.mark.usefixtures("blind_in_integers")
def test_choose_leaves_out_what_is_not_as_planned(square_model, square_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("detquant.pipeline.choose.TARGETS", ("ort",))
    figures, recipe = tmp_path / "c.json", tmp_path / "whole.toml"
    recipe.write_text(WITHOUT_STEPS)
    given = ["--data", str(square_data(images=60)), "--calib", "2", "--recipe", str(recipe), "--json", str(figures)]
    assert main(["choose", str(square_model), *given]) == 0
    found = json.loads(figures.read_text())
    assert [row["name"] for row in found["rows"]] == ["ort fp32", "ort fp16"]
    assert any(note.startswith("ort whole: ") and "what was planned" in note for note in found["notes"])
    assert "ort whole: The quantised model opens on ort" in capsys.readouterr().out


@pytest.mark.usefixtures("blind_in_integers")
def test_nothing_is_written_of_what_is_not_as_planned(square_model, square_data, tmp_path, capsys):
    recipe, out = tmp_path / "whole.toml", tmp_path / "out"
    recipe.write_text(WITHOUT_STEPS)
    given = ["--data", str(square_data(images=60)), "--calib", "2", "--recipe", str(recipe), "--out", str(out)]
    for command in (["quantize", str(square_model)], ["workflow", "opencv-zoo", "--model", str(square_model)]):
        assert main([*command, *given, "--val-limit", "60", *(["--target", "ort"] * (command[0] == "workflow"))]) == 2
        assert "does not compute what was planned" in capsys.readouterr().err
        assert not list(out.rglob("*.onnx")) and not list(out.rglob("report.json"))
