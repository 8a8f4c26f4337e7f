"""Every block of Python on the pages runs, in the order of its page; those that cannot are named, with the reason."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from told import Block, blocks, pages

import detquant
from detquant.data import export_scenes
from detquant.families import Detections
from detquant.numerics import QuantSpec
from detquant.pipeline.job import Job
from detquant.targets import load_target

PYTHON = [block for block in blocks() if block.language == "python"]
PAGES = sorted({block.page for block in PYTHON})

NOT_RUN = {
    "CONTRIBUTING.md": "a form to fill in",
    "README.md": "names files of the user's: the command of the same meaning is typed by `test_typed.py`",
    "docs/hardware-registers.md": "needs a board, and PYNQ",
    "docs/runtimes/edgetpu.md": "needs an Edge TPU",
    "docs/runtimes/oak.md": "needs a camera, and depthai",
    "docs/runtimes/tensorrt.md": "needs a GPU, and TensorRT",
    "docs/training.md": "speaks of a model, batches and a loss of the user's",
}
"""Pages whose blocks are looked at, and not run."""
ELSEWHERE = {"docs/python.md": "tests/test_public_api.py"}
"""Pages that are run by another test."""
SLOW = {"docs/reading-the-report.md", "docs/start.md"}
"""Pages whose blocks quantise by whole recipes."""

RUNTIMES = {
    "ort": (),
    "openvino": ("openvino",),
    "opencv": (),
    "tflite": ("ai_edge_litert",),
    "ncnn": ("ncnn",),
    "ethosu": ("ai_edge_litert",),
    "pytorch": ("torch",),
}
"""Runtimes whose ten lines run here, with the packages that they need."""
OPENED = (".onnx", ".xml", ".tflite", ".pt2", ".param")
"""Ends of the names of files that `predict` opens."""
FOLDERS = {"tflite": ("tflite", "tflite-integer")}
NAMES = {"tflite-integer": "pico-integer"}


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_is_python(block):
    compile(block.text, str(block), "exec", flags=ast.PyCF_ONLY_AST)


def test_those_that_are_not_run_are_there():
    assert set(NOT_RUN) | set(ELSEWHERE) <= set(PAGES)
    shown = {page.removeprefix("docs/runtimes/").removesuffix(".md") for page in PAGES if "runtimes/" in page}
    assert shown == {*RUNTIMES, "edgetpu", "oak", "tensorrt", "verilog"}


def together(page: str) -> list[Block]:
    """The blocks of a page, which are one program."""
    return [block for block in PYTHON if block.page == page]


def run(page: str, names: dict[str, object]) -> dict[str, object]:
    for block in together(page):
        exec(compile(block.text, str(block), "exec"), names)
    return names


WHOLE = [page for page in PAGES if "runtimes/" not in page and page not in {*NOT_RUN, *ELSEWHERE}]


@pytest.mark.parametrize("page", [pytest.param(one, marks=[pytest.mark.slow] if one in SLOW else []) for one in WHOLE])
def test_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(page, {})
    assert capsys.readouterr().out


# ---------------------------------------------------------------- the ten lines of each runtime


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    """A folder with the scenes that the pages speak of, where their commands have been given."""
    folder = tmp_path_factory.mktemp("pages")
    export_scenes(folder / "shapes", 2, 0, validation=2)
    return folder


def quick(recipe: detquant.Recipe) -> detquant.Recipe:
    """The recipe without steps, with ranges from end to end."""

    def plain(spec: object) -> object:
        return replace(spec, observer="minmax") if isinstance(spec, QuantSpec) else spec

    rules = (replace(one, weight=plain(one.weight), activation=plain(one.activation)) for one in recipe.rules)
    return replace(recipe, steps=(), rules=tuple(rules))


@pytest.fixture(scope="module")
def quantised(shapes) -> Iterator[Mapping[str, Path]]:
    """Makes what `detquant quantize yolov8-pico --target NAME` writes, by 8-bit rules without steps: in seconds."""
    detector, data = detquant.load("yolov8-pico"), detquant.open_dataset("scenes")

    class Made(dict[str, Path]):
        def __missing__(self, target: str) -> Path:
            wish = quick(detquant.load_recipe("w8" if target == "opencv" else "w8a8"))
            place = load_target(target)
            job = Job(detector=detector, dataset=data, recipe=wish, target=place, calib=4)
            folder = shapes / NAMES.get(target, f"pico-{target}")
            folder.mkdir()
            for name, content in place.lower(job.run().model.qdq()).files.items():
                (folder / name).write_bytes(content)
            self[target] = folder
            return folder

    yield Made()
    shutil.rmtree(shapes, ignore_errors=True)


def seen(names: Mapping[str, object]) -> Detections:
    """What the ten lines have found, from the names that they leave."""
    boxes, classes, best = (np.asarray(names[one]) for one in ("boxes", "classes", "best"))
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(boxes, best, classes, 0.25, 0.7), int).reshape(-1)
    corners = np.concatenate([boxes[kept, :2], boxes[kept, :2] + boxes[kept, 2:]], axis=1)
    return Detections(corners, best[kept], classes[kept])


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.slow] if one == "pytorch" else []) for one in RUNTIMES]
)
def test_the_ten_lines_of_a_runtime_find_what_predict_finds(name, quantised, shapes, capsys):
    for package in RUNTIMES[name]:
        if not find_spec(package):
            pytest.skip(f"{package} is not installed")
    folders = [quantised[target] for target in FOLDERS.get(name, (name,))]
    with chdir(shapes):
        names = run(f"docs/runtimes/{name}.md", {})
        image = Path("shapes/images/val/000000.png")
        models = [path for path in folders[0].iterdir() if path.suffix in OPENED]
        first = min(path for path in models if path.name != "decode.onnx")
        [wanted] = detquant.predict(first, [image], target=name)
    found = seen(names)
    assert len(wanted.detections) == len(found) > 0 and capsys.readouterr().out.count("\n") >= len(found)
    order = np.argsort(-found.confidence, kind="stable")
    assert found.class_id[order].tolist() == wanted.detections.class_id.tolist()
    np.testing.assert_allclose(found.confidence[order], wanted.detections.confidence, atol=2e-2)
    np.testing.assert_allclose(found.xyxy[order].clip(0, 256), wanted.detections.xyxy.clip(0, 256), atol=1.5)


def test_the_integers_alone_give_what_the_float_ends_do(quantised, shapes, capsys):
    if not find_spec("ai_edge_litert"):
        pytest.skip("ai_edge_litert is not installed")
    quantised["tflite"], quantised["tflite-integer"]
    with chdir(shapes):
        names = run("docs/runtimes/tflite.md", {})
    blocks_of_tflite = together("docs/runtimes/tflite.md")
    assert len(blocks_of_tflite) == 2 and "(1, 14, 1344)" in capsys.readouterr().out
    scores = np.asarray(names["rows"])[0, 4:]
    assert 0.25 < scores.max() <= 1 and scores.min() >= 0


# ---------------------------------------------------------------- what must be the same everywhere


def test_each_runtime_has_the_same_headings():
    wanted = ["What it takes", "Quantise", "Run it", "Limits", "Speed"]
    found = {
        page.stem: [line[3:] for line in page.read_text().splitlines() if line.startswith("## ")]
        for page in pages()
        if page.parent.name == "runtimes" and page.stem != "index"
    }
    odd = {name: heads for name, heads in found.items() if heads != wanted}
    assert odd == {"oak": ["What it takes", "Export", *wanted[2:]]}  # it takes no integers
