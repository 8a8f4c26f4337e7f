"""The commands as a user types them; each mistake costs one sentence and leaves nothing behind."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from detquant.cli import main
from detquant.report.files import staged, to_json

ON_DATA = ["evaluate", "quantize"]
WITH_RECIPE = ["plan", "inspect", "quantize"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Commands write into the current folder unless told otherwise."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def refused(capsys, tmp_path):
    """refused(arguments, words...): it fails with one sentence that has the words, and writes nothing."""

    def check(arguments: list[object], *words: str) -> str:
        extra = ["--out", tmp_path / "out"] if arguments[:1] in (["quantize"], ["predict"]) else []
        if "--out" in arguments:
            extra = []
        code = main([str(argument) for argument in [*arguments, *extra]])
        err = capsys.readouterr().err
        said = [line for line in err.splitlines() if line.startswith("detquant: ")]
        assert code == 2 and len(said) == 1 and said[0] == err.splitlines()[-1]
        assert "Traceback" not in err and said[0].endswith((".", "?"))
        for word in words:
            assert word in said[0]
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*"))
        assert not list(Path.cwd().iterdir())
        return said[0]

    return check


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def on_data(command: str, model: object, data: object) -> list[object]:
    return [command, model, "--data", data]


# ---------------------------------------------------------------- what works


def test_evaluate(square_model, square_data, tmp_path, capsys):
    run("evaluate", square_model, "--data", square_data(), "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["ap"] == figures["ap50"] == figures["ap75"] == pytest.approx(100)
    assert figures["images"] == 4 and figures["latency_ms"] > 0 and figures["per_class"] == {"person": 100}
    assert list(figures["stages_ms"]) == ["preprocess", "inference", "decode"]
    out = capsys.readouterr().out
    assert "100.00" in out and "inference" in out and "person" in out


def test_evaluate_without_labels_and_with_a_limit(square_model, square_data, tmp_path, capsys):
    images = square_data().parent / "images/val"
    run("evaluate", square_model, "--data", images, "--val-limit", 3, "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["ap"] is None and figures["images"] == 3 and figures["objects"] == 6
    assert "No labels" in capsys.readouterr().out


def test_benchmark(square_model, free_square_model, tmp_path, capsys):
    json_file = tmp_path / "b.json"
    run("benchmark", square_model, free_square_model, "--imgsz", 96, "--runs", 3, "--json", json_file)
    figures = json.loads(json_file.read_text())
    assert [Path(one["model"]).name for one in figures["models"]] == ["squares.onnx", "free.onnx"]
    assert figures["models"][0]["ratio"] == 1 and figures["runs"] == 3
    assert "ratio" in capsys.readouterr().out


def test_inspect(square_model, tmp_path, capsys):
    run("inspect", square_model, "--json", tmp_path / "i.json")
    figures = json.loads((tmp_path / "i.json").read_text())
    assert figures["operators"]["Conv"] == 8 and figures["int8"]["of"] == sum(figures["operators"].values())
    out = capsys.readouterr().out
    for words in ("MACs", "yolov8", "decode tail", "head output, feeds the decode tail"):
        assert words in out


def test_plan(square_model, tmp_path, capsys):
    run("plan", square_model, "--recipe", "w8a8", "--target", "ort", "--json", tmp_path / "p.json")
    figures = json.loads((tmp_path / "p.json").read_text())
    assert figures["points"][0] == {
        "tensor": "images",
        "grid": "fixed",
        "detail": "uint8, 0 to 1",
    }
    assert "head16" in capsys.readouterr().out


def test_predict(square_model, square_data, tmp_path, capsys):
    images = square_data(images=2).parent / "images/val"
    arguments = ("--confidence", 0.5, "--out", tmp_path / "drawn", "--json", tmp_path / "p.json")
    run("predict", square_model, images / "v0.png", images, *arguments)
    names = sorted(path.name for path in (tmp_path / "drawn").glob("[!.]*"))
    assert names == ["v0-2.png", "v0.png", "v1.png"]
    found = json.loads((tmp_path / "p.json").read_text())["images"]
    assert [len(one["detections"]) for one in found] == [2, 2, 2]
    assert found[0]["detections"][0]["class"] == "person"
    assert "2 person" in capsys.readouterr().out


def test_quantize_passes_everything_on(square_model, square_data, tmp_path, monkeypatch, capsys, report):
    given = {}

    class Result:
        def __init__(self):
            self.report, self.missed = report, None

        def save(self, folder):
            with staged(folder) as put:
                put("report.json", to_json(self.report.figures()))

    def quantize(model, data, **options):
        given.update(options, model=model, data=data)
        return Result()

    fake = types.ModuleType("detquant.pipeline.quantize")
    fake.quantize = quantize
    monkeypatch.setitem(sys.modules, "detquant.pipeline.quantize", fake)
    data, json_file = square_data(), tmp_path / "q.json"
    run("quantize", square_model, "--data", data, "--calib", 7, "--seed", 3, "--json", json_file)
    assert callable(given.pop("progress"))
    assert given == {
        "model": square_model,
        "data": data,
        "recipe": "w8a8",
        "target": "ort",
        "engine": "detquant",
        **dict.fromkeys(["bits", "array", "last_layers", "nms"]),
        **dict.fromkeys(["accelerator", "system_config", "memory_mode", "vela_config"]),
        "formats": (),
        "family": "auto",
        "imgsz": None,
        "preprocess": None,
        "reads": None,
        "anchors": None,
        "calib": 7,
        "seed": 3,
        "threads": 1,
        "val_limit": None,
        "decisions": None,
        "force": False,
        "executor": None,
        "confidence": 0.25,
        "keeps": "recall",
        "jobs": None,
        "cluster": None,
        "budget": None,
        "max_drop": None,
        "sensitivity": None,
        "work": Path("squares-w8a8"),
        "train": None,
    }
    assert json.loads(json_file.read_text())["recipe"] == "w8a8"
    assert (Path("squares-w8a8") / "report.json").is_file()
    out = capsys.readouterr().out
    assert "37.30" in out and "Warning:" in out and "Written to squares-w8a8; look at squares-w8a8/report.html." in out


def test_quantize(square_model, square_data, tmp_path, capsys):
    out = tmp_path / "out"
    run("quantize", square_model, "--data", square_data(), "--calib", 4, "--out", out)
    assert {"model.onnx", "report.json", "report.md"} <= {path.name for path in out.iterdir()}
    figures = json.loads((out / "report.json").read_text())
    assert figures["float"]["ap"] == pytest.approx(100) and figures["quantized"]["ap"] > 90
    run("evaluate", out / "model.onnx", "--data", square_data())
    assert "w8a8" in capsys.readouterr().out


def test_scenes(tmp_path, capsys):
    run("scenes", tmp_path / "s", "--images", 2, "--validation", 1, "--seed", 5)
    names = {path.relative_to(tmp_path / "s").as_posix() for path in (tmp_path / "s").rglob("*") if path.is_file()}
    assert {"data.yaml", "images/train/000001.png", "annotations/instances_val.json"} <= names and len(names) == 9
    shown = capsys.readouterr()
    assert "2 train and 1 val images" in shown.out and "writing scenes 3/3" in shown.err
    command = shlex.split(shown.out.splitlines()[-1].removeprefix("Next: detquant "))
    assert command[0] == "quantize"
    run("evaluate", *command[1:])
    assert "1 image" in capsys.readouterr().out


def test_demo(tmp_path, monkeypatch, capsys, demo_report):
    given = {}

    class Demo:
        report = demo_report

        def save(self, folder):
            with staged(folder) as put:
                put("report.json", to_json(self.report.figures()))

    def demo(**options):
        given.update(options)
        return Demo()

    fake = types.ModuleType("detquant.pipeline.demo")
    fake.demo = demo
    monkeypatch.setitem(sys.modules, "detquant.pipeline.demo", fake)
    run("demo", "--images", 7, "--seed", 3, "--json", tmp_path / "d.json")
    given.pop("progress")
    assert given == {"images": 7, "calib": 128, "threads": 1, "seed": 3, "work": Path("demo-out")}
    assert json.loads((tmp_path / "d.json").read_text())["model"] == "yolov8-pico"
    out = capsys.readouterr().out
    for words in ("naive INT8", "detquant w8a8", "demo-out/report.html", "detquant quantize MODEL.onnx"):
        assert words in out


def test_the_name_of_an_embedded_model(tmp_path, capsys):
    run("inspect", "yolov8-pico", "--json", tmp_path / "i.json")
    assert json.loads((tmp_path / "i.json").read_text())["model"] == "yolov8-pico"
    run("evaluate", "yolov8-pico", "--data", "scenes", "--val-limit", 2)
    assert "yolov8-pico: 2 images" in capsys.readouterr().out


def test_help_and_version(capsys):
    run("--help")
    run("--version")
    out = capsys.readouterr().out
    for command in (
        "quantize",
        "evaluate",
        "benchmark",
        "inspect",
        "plan",
        "predict",
        "scenes",
        "demo",
        "zoo",
        "fetch",
    ):
        assert command in out


# ---------------------------------------------------------------- the model


@pytest.mark.parametrize("command", ON_DATA)
def test_a_file_that_is_no_model(refused, square_data, tmp_path, command):
    (tmp_path / "notes.onnx").write_text("not a model at all")
    refused(on_data(command, tmp_path / "notes.onnx", square_data()), "notes.onnx", "not an ONNX model")


@pytest.mark.parametrize("command", ON_DATA)
def test_a_model_that_is_not_there(refused, square_data, tmp_path, command):
    refused(on_data(command, tmp_path / "gone.onnx", square_data()), "gone.onnx", "does not exist")


@pytest.mark.parametrize("command", ON_DATA)
def test_an_embedded_model_spelt_wrong(refused, command):
    refused(on_data(command, "yolov8-pcio", "scenes"), "does not exist", "did you mean the embedded 'yolov8-pico'?")


@pytest.mark.parametrize("command", ON_DATA)
def test_a_truncated_model(refused, square_model, square_data, command):
    content = square_model.read_bytes()
    square_model.write_bytes(content[: len(content) // 2])
    refused(on_data(command, square_model, square_data()), "truncated")


@pytest.mark.parametrize("command", ON_DATA)
def test_missing_external_data(refused, square_proto, square_data, tmp_path, command):
    path = tmp_path / "apart.onnx"
    onnx.save(square_proto, path, save_as_external_data=True, location="apart.bin", size_threshold=0)
    (tmp_path / "apart.bin").unlink()
    refused(on_data(command, path, square_data()), "apart.bin", "missing")


@pytest.mark.parametrize("command", ON_DATA)
def test_a_classifier(refused, square_data, tmp_path, command):
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["prob"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("prob", onnx.TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(np.ones((3, 10), np.float32), "w")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "c.onnx")
    refused(
        on_data(command, tmp_path / "c.onnx", square_data()), "The model is a classifier, and data.yaml tells boxes"
    )


@pytest.mark.parametrize("command", ON_DATA)
def test_the_wrong_family(refused, square_model, square_data, command):
    said = [*on_data(command, square_model, square_data()), "--family"]
    refused([*said, "yolox"], "not of family 'yolox'", "yolov8")
    refused([*said, "yolo8"], "did you mean 'yolov8'")


@pytest.mark.parametrize("command", ON_DATA)
def test_a_size_the_model_has_not(refused, square_model, square_data, command):
    refused([*on_data(command, square_model, square_data()), "--imgsz", "128"], "fixed to 96x96")


# ---------------------------------------------------------------- the data


@pytest.mark.parametrize("command", ON_DATA)
@pytest.mark.parametrize("key", ["train", "val", "names"])
def test_a_missing_key(refused, square_model, square_data, command, key):
    if (command, key) == ("evaluate", "train"):  # which it has no use for
        return run(*on_data(command, square_model, square_data(**{key: None})))
    refused(on_data(command, square_model, square_data(**{key: None})), "data.yaml", f"'{key}'")


@pytest.mark.parametrize("command", ON_DATA)
def test_a_missing_folder(refused, square_model, square_data, command):
    refused(on_data(command, square_model, square_data(val="images/elsewhere")), "images/elsewhere")


@pytest.mark.parametrize("command", ON_DATA)
def test_79_classes(refused, square_model, square_data, command):
    names = [f"class {number}" for number in range(79)]
    refused(on_data(command, square_model, square_data(names=names)), "79 classes", "80")


@pytest.mark.parametrize("command", ON_DATA)
def test_no_images(refused, square_model, square_data, command):
    data = square_data()
    for image in data.parent.glob("images/*/*"):
        image.unlink()
    refused(on_data(command, square_model, data), "no images")


@pytest.mark.parametrize("command", ON_DATA)
def test_data_that_is_not_there(refused, square_model, tmp_path, command):
    refused(on_data(command, square_model, tmp_path / "gone.yaml"), "gone.yaml does not exist")


@pytest.mark.parametrize("command", ON_DATA)
def test_the_only_image_is_half_a_jpeg(refused, square_model, square_data, command):
    data = square_data(images=1, suffix=".jpg")
    cut(data.parent / "images/val/v0.jpg")
    refused(on_data(command, square_model, data), "v0.jpg", "cut short")


@pytest.mark.parametrize("command", ON_DATA)
def test_one_of_the_images_is_half_a_jpeg(square_model, square_data, tmp_path, capsys, command):
    data = square_data(suffix=".jpg")
    cut(data.parent / "images/val/v1.jpg")
    out = ("--out", tmp_path / "out") if command == "quantize" else ()
    run(*on_data(command, square_model, data), *out, "--json", tmp_path / "f.json")
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["images"] == 3
    assert [Path(skip["path"]).name for skip in figures["skipped"]] == ["v1.jpg"]
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 image was left out" in shown and "v1.jpg" in shown


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize("command", WITH_RECIPE)
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--recipe", "w1a8", "Recipe 'w1a8' asks for weights of 1 bit, and there are none: did you mean 'w2a8'?"),
        ("--recipe", "w8a8-symetric", "Unknown recipe 'w8a8-symetric': did you mean 'w8a8-symmetric'?"),
        ("--recipe", "gone.toml", "gone.toml"),
        ("--target", "orrt", "Unknown target 'orrt': did you mean 'ort'?"),
    ],
)
def test_unknown_names(refused, square_model, square_data, command, option, value, words):
    data = ["--data", square_data()] if command == "quantize" else []
    refused([command, square_model, *data, option, value], words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quantize", "m.onnx", "--data", "d", "--recepi", "w8a8"], "--recipe"),
        (["quantise", "m.onnx"], "quantize"),
        (["evaluate", "m.onnx", "--dta", "d"], "--data"),
        (["evaluate", "m.onnx"], "--data"),
        (["evaluate", "m.onnx", "--data", "d", "--threads", "0"], "--threads"),
        (["evaluate", "m.onnx", "--data", "d", "--threads", "two"], "two"),
        (["predict", "m.onnx", "i.jpg", "--confidence", "2"], "--confidence"),
        (["predict", "m.onnx"], "IMAGES"),
        (["benchmark"], "MODELS"),
        (["inspect"], "MODEL"),
        (["scenes"], "FOLDER"),
        (["scenes", "s", "--seed", "-1"], "--seed"),
        (["demo", "--images", "0"], "--images"),
        (["demo", "--seed", "-1"], "--seed"),
        (["demo", "--calb", "4"], "--calib"),
    ],
)
def test_what_is_typed_wrong(refused, arguments, words):
    refused(arguments, words)


@pytest.mark.parametrize("command", ["predict", "quantize"])
def test_an_out_that_cannot_be_written(refused, square_model, square_data, tmp_path, command):
    (tmp_path / "file").write_text("in the way")
    data = square_data()
    more = ["--data", data] if command == "quantize" else [data.parent / "images/val/v0.png"]
    for out in (tmp_path / "file", tmp_path / "file/below/it"):
        refused([command, square_model, *more, "--out", out], "Cannot write", "is not a folder")


def test_a_demo_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused(["demo", "--out", tmp_path / "file"], "Cannot write", "is not a folder")
    refused(["demo", "--json", tmp_path], "it is a folder")


def test_scenes_into_a_folder_that_is_in_use(refused, tmp_path):
    (tmp_path / "mine.txt").write_text("in the way")
    refused(["scenes", tmp_path], "not an empty folder")


@pytest.mark.parametrize("command", ["inspect", "plan", "benchmark"])
def test_a_json_file_that_cannot_be_written(refused, square_model, tmp_path, command):
    refused([command, square_model, "--json", tmp_path], "it is a folder")
    refused([command, square_model, "--json", square_model / "f.json"], "is not a folder")


def test_images_that_are_none(refused, square_model, tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    refused(["predict", square_model, tmp_path / "a.jpg"], "a.jpg", "None of 1 images")
    refused(["predict", square_model, tmp_path / "gone.jpg"], "gone.jpg")


def test_an_interrupt_says_how_to_go_on(square_model, capsys, monkeypatch):
    fake = types.ModuleType("detquant.pipeline.quantize")

    def quantize(*_, **__):
        raise KeyboardInterrupt

    fake.quantize = quantize
    monkeypatch.setitem(sys.modules, "detquant.pipeline.quantize", fake)
    assert main(["quantize", str(square_model), "--data", "d"]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err


def test_an_interrupted_demo_says_it_too(capsys, monkeypatch):
    fake = types.ModuleType("detquant.pipeline.demo")

    def demo(**_):
        raise KeyboardInterrupt

    fake.demo = demo
    monkeypatch.setitem(sys.modules, "detquant.pipeline.demo", fake)
    assert main(["demo"]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err


def test_an_error_of_the_system_is_a_sentence(square_model, capsys, monkeypatch):
    fake = types.ModuleType("detquant.pipeline.quantize")

    def quantize(*_, **__):
        raise OSError(28, "No space left on device", "x.onnx")

    fake.quantize = quantize
    monkeypatch.setitem(sys.modules, "detquant.pipeline.quantize", fake)
    assert main(["quantize", str(square_model), "--data", "d"]) == 2
    assert capsys.readouterr().err == "detquant: 'x.onnx': No space left on device.\n"


def test_as_a_program(square_model):
    program = [sys.executable, "-m", "detquant", "plan", str(square_model)]
    wrong = subprocess.run([*program, "--recepi", "w8a8"], capture_output=True, text=True)
    assert wrong.returncode == 2 and not wrong.stdout and len(wrong.stderr.splitlines()) == 1
    right = subprocess.run(program, capture_output=True, text=True)
    assert right.returncode == 0 and not right.stderr


def test_a_reader_that_leaves_is_told_nothing_and_the_file_is_there(square_model, tmp_path):
    command = ["plan", str(square_model), "--json", str(tmp_path / "p.json")]
    program = [sys.executable, "-m", "detquant", *command]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1 and (tmp_path / "p.json").is_file()
