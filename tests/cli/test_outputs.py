"""No command writes over what detquant did not write, and all of it is found out before the work."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import onnx
import pytest

from detquant.cli import main
from detquant.embedded import embedded_model


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Placement's measurements, made up, so that equal runs are equal."""

    def alternate(sides, feed, turns):
        return {"reference": [1.0] * turns, "candidate": [2.0] * turns}

    monkeypatch.setattr("detquant.algorithms.placement.alternate", alternate)


def everything(folder="."):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def refused(capsys):
    """refused(arguments, words...): one sentence with the words, and nothing is written or changed."""

    def check(arguments, *words):
        before = everything()
        capsys.readouterr()
        assert main([str(one) for one in arguments]) == 2
        [said] = capsys.readouterr().err.splitlines()  # no progress: it was refused before the work
        for word in words:
            assert word in said
        assert everything() == before

    return check


def run(*arguments):
    assert main([str(one) for one in arguments]) == 0


@pytest.fixture
def model():
    """A float model called model.onnx in the current folder, as exporters call it."""
    shutil.copy(embedded_model("yolov8-pico"), "model.onnx")
    return Path("model.onnx")


QUICK = ("--data", "scenes", "--calib", 2, "--val-limit", 2)


@pytest.fixture
def quick(square_model, square_data):
    """A small model, and arguments with which it is quantised in a second."""
    return [square_model, "--data", square_data(images=2).parent / "images/val", *QUICK[2:]]


def test_the_float_model_in_the_current_folder_is_not_written_over(refused, model):
    refused(["quantize", model, *QUICK, "--out", "."], "'model.onnx' is read by this run", "name another folder")
    refused(["export", model, "--target", "ort", "--out", "."], "'model.onnx' is read by this run")
    refused(["export", model, "--target", "oak", "--out", "."], "'model.onnx' is read by this run")


def test_a_model_that_detquant_exported_is_not_written_over_when_it_is_read(refused):
    run("export", "yolov8-pico", "--target", "ort", "--out", "out")
    refused(["quantize", "out/model.onnx", *QUICK, "--out", "out"], "'out/model.onnx' is read by this run")
    run("export", "yolov8-pico", "--target", "ort", "--out", "out")


@pytest.mark.parametrize("name", ["model.onnx", "report.html", "report.json", "report.md"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_in_the_way_of_a_quantised_model(refused, name, kind):
    Path("out").mkdir()
    if kind == "file":
        Path("out", name).write_text("mine")
    elif kind == "folder":
        Path("out", name).mkdir()
    else:
        Path("out", name).symlink_to("/etc/hostname")
    refused(["quantize", "yolov8-pico", *QUICK, "--out", "out"], f"'out/{name}'", "move it away")


def test_external_data_beside_the_model_is_not_written_over(refused):
    proto = onnx.load(embedded_model("yolov8-pico"))
    onnx.save(proto, "net.onnx", save_as_external_data=True, location="model.bin", size_threshold=0)
    arguments = ["export", "net.onnx", "--target", "openvino", "--out", "."]
    refused(arguments, "'model.bin' is there already and was not written by detquant")


def test_the_same_command_again_and_after_an_interrupt(quick, monkeypatch):
    for _ in range(2):
        run("quantize", *quick, "--out", "out")
    first = Path("out/model.onnx").read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("detquant.pipeline.compare.run_over", interrupted)
        assert main(["quantize", *map(str, quick), "--out", "out"]) == 130
        assert main(["quantize", *map(str, quick), "--out", "new"]) == 130
    for out in ("out", "new"):
        run("quantize", *quick, "--out", out)
        assert Path(out, "model.onnx").read_bytes() == first
    run("quantize", *quick, "--target", "tensorrt", "--out", "out")  # another result in its place
    assert Path("out/model.onnx").read_bytes() != first


def test_a_report_that_was_edited_is_kept(refused, quick):
    run("quantize", *quick, "--out", "out")
    with Path("out/report.md").open("a") as file:
        file.write("My remarks.\n")
    refused(["quantize", *quick, "--out", "out"], "'out/report.md' was changed since detquant wrote it")


def test_a_file_where_statistics_are_kept(refused):
    Path("out").mkdir()
    Path("out/.calibration").write_text("mine")
    refused(["quantize", "yolov8-pico", *QUICK, "--out", "out"], ".calibration' is not a folder")


def test_the_demo(refused):
    Path("demo-out/w8a8").mkdir(parents=True)
    Path("demo-out/w8a8/model.onnx").write_text("mine")
    refused(["demo"], "'demo-out/w8a8/model.onnx' is there already")
    shutil.rmtree("demo-out")
    Path("demo-out").mkdir()
    Path("demo-out/comparison.png").mkdir()
    refused(["demo"], "'demo-out/comparison.png' is a folder")


def test_pictures_of_objects(refused, square_model, square_data):
    images = square_data(images=2).parent / "images/val"
    Path("predictions").mkdir()
    Path("predictions/v1.png").write_text("mine")
    refused(["predict", square_model, images], "'predictions/v1.png' is there already")
    Path("predictions/v1.png").unlink()
    for confidence in (0.25, 0.99):
        run("predict", square_model, images, "--confidence", confidence)
    assert sorted(path.name for path in Path("predictions").glob("[!.]*")) == ["v0.png", "v1.png"]


def test_pictures_beside_the_images_that_they_are_made_from(square_model, square_data):
    images = square_data(images=2).parent / "images/val"
    before = everything(images)
    for _ in range(2):
        run("predict", square_model, images / "v0.png", "--out", images)
    after = everything(images)
    assert {path: after[path] for path in before} == before and images / "v0-2.png" in after


@pytest.mark.parametrize("out", ["val", "val/drawn", "val/../val", "link"])
def test_drawings_do_not_go_among_the_images(refused, square_model, square_data, out):
    images = square_data(images=2).parent / "images"
    (images / "link").symlink_to(images / "val")
    refused(["predict", square_model, images / "val", "--out", images / out], "the next run would take the drawings")
    assert not (images / "val/drawn").exists()


def test_drawings_in_the_default_folder_of_a_folder_that_is_read(refused, square_model, square_data, monkeypatch):
    monkeypatch.chdir(square_data(images=2).parent / "images/val")
    refused(["predict", square_model, "."], "'predictions' is in '.', whose images are read")


def test_drawings_above_and_beside_the_images(square_model, square_data):
    images = square_data(images=2).parent / "images"
    for out in (images, images / "val-drawn"):
        for _ in range(2):
            run("predict", square_model, images / "val", "--out", out)
        assert sorted(path.name for path in out.glob("*.png")) == ["v0.png", "v1.png"]


def test_a_workflow(refused, square_model, square_data):
    given = ["--model", square_model, "--data", square_data().parent / "images/val", "--runs", 1, "--calib", 2]
    command = ["workflow", "opencv-zoo", *given, "--out", "out"]
    Path("out/squares/w8a8").mkdir(parents=True)
    Path("out/squares/w8a8/model.onnx").write_text("mine")
    refused(command, "'out/squares/w8a8/model.onnx' is there already")
    shutil.rmtree("out")
    Path("out/workflow.md").mkdir(parents=True)
    refused(command, "'out/workflow.md' is a folder")
    shutil.rmtree("out")
    for _ in range(2):
        run(*command)


def test_models_of_one_name_in_a_workflow_do_not_share_a_folder(square_model, square_data):
    Path("other").mkdir()
    shutil.copy(square_model, "other")
    models = ["--model", square_model, "--model", "other/squares.onnx"]
    data = ["--data", square_data().parent / "images/val", "--runs", 1, "--calib", 2]
    run("workflow", "opencv-zoo", *models, *data, "--out", "out")
    told = json.loads(Path("out/workflow.json").read_text())["models"]
    assert [one["rows"][-1]["files"] for one in told] == [["squares/w8a8/model.onnx"], ["squares-2/w8a8/model.onnx"]]


# ---------------------------------------------------------------- figures


COMMANDS = {
    "evaluate": ["evaluate", "yolov8-pico", *QUICK[:2], *QUICK[4:]],
    "benchmark": ["benchmark", "yolov8-pico", "--runs", 1],
    "inspect": ["inspect", "yolov8-pico"],
    "plan": ["plan", "yolov8-pico"],
    "quantize": ["quantize", "yolov8-pico", *QUICK],
    "choose": ["choose", "yolov8-pico", *QUICK],
    "export": ["export", "yolov8-pico", "--target", "ort"],
    "demo": ["demo"],
    "zoo": ["zoo"],
    "targets": ["targets"],
    "recipes": ["recipes"],
    "fetch": ["fetch", "yolov8n"],
    "workflow": ["workflow", "opencv-zoo"],
    "predict": ["predict", "yolov8-pico", "a.png"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_figures_go_over_no_file_of_the_users(refused, command, square_data):
    Path("mine.json").write_text('{"images": []}')
    shutil.copy(square_data(images=1).parent / "images/val/v0.png", "a.png")
    refused([*COMMANDS[command], "--json", "mine.json"], "'mine.json' is there already and was not written by detquant")


def test_figures_go_over_no_input(refused, model):
    for command in ("inspect", "plan", "benchmark"):
        refused([command, model, "--json", model], "'model.onnx' is read by this run")
    run("inspect", model, "--json", "data.json")
    refused(["evaluate", model, "--data", "data.json", "--json", "data.json"], "'data.json' is read by this run")


def test_figures_go_over_no_result(refused, quick):
    refused(["quantize", *quick, "--out", "out", "--json", "out/report.json"], "name another file")
    run("quantize", *quick, "--out", "out")
    refused(["plan", "yolov8-pico", "--json", "out/report.json"], "belongs to the results of an earlier run")


def test_figures_replace_figures():
    for _ in range(2):
        run("inspect", "yolov8-pico", "--json", "f.json")
    run("plan", "yolov8-pico", "--json", "f.json")
    assert "points" in json.loads(Path("f.json").read_text())


def test_figures_for_a_pipe():
    read, write = os.pipe()
    run("targets", "--json", f"/dev/fd/{write}")
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as file:
        assert "targets" in json.loads(file.read())
