"""What detquant writes, detquant reads: measured again, each file gives the AP that was reported for it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from detquant.data import Dataset, open_dataset
from detquant.errors import ModelError
from detquant.evaluation.accuracy import Accuracy
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import evaluate
from detquant.pipeline.export import export
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe
from detquant.targets import TARGETS, load_target

pytest.importorskip("openvino", reason="the extra openvino is not installed, which reads IR and .tflite")

IMAGES = 6
PLAIN = replace(load_recipe("w8a8"), steps=())
PLACES = {name: load_target(name) for name in TARGETS}
FLOATS = [
    (name, precision) for name, place in PLACES.items() for precision in place.precisions if not place.integer_only
]
INTEGERS = [name for name, place in PLACES.items() if not place.float_only]
RUNS_ON = {
    "tflite-integer": "tflite",
    "edgetpu": "tflite",
    **dict.fromkeys(("ort-qoperator", "tensorrt", "oak"), "ort"),
}
"""Where a file is measured again, where that is not its own target."""
ASKED = ("verilog", "ethosu")
"""Targets whose files are for another place too, so that theirs is asked for."""
READ = ("model.onnx", "model.xml", "model.tflite", "model.pt2", "model.tar.xz", "model.param")
"""Files that are a model each: what was measured of them is measured again."""
NOT_READ = {"state_dict.pth": r"give 'model\.pt2'", "model.blob": "compiled for the MyriadX"}
"""Files that no program can read as a model, and what is said of them."""
FIRST = ("model.xml", "model.tflite", "model.pt2", "model.tar.xz", "model.param", "model.onnx")
HARDWARE = ("manifest.json", "ARITHMETIC.md", "Makefile", "rtl/dq_config.sv")
BELONG = ("model.bin", "decode.onnx", "model_edgetpu.tflite", "model_vela.tflite", *HARDWARE)
"""Files that are a part of another one, or were made of it by a vendor's compiler."""


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return open_dataset("scenes")


@pytest.fixture(scope="module")
def in_float(scenes: Dataset) -> float:
    return ap_of("yolov8-pico", scenes)


def ap_of(path: Path | str, scenes: Dataset, target: str = "ort") -> float:
    found = evaluate(path, scenes, target=target if target in ASKED else "auto", val_limit=IMAGES)
    assert found.target == target and isinstance(found.accuracy, Accuracy)
    return found.accuracy.figures()["ap"]


def require(name: str) -> None:
    place = PLACES[name]
    try:
        version(place.package)
    except PackageNotFoundError:
        if place.extra:
            pytest.skip(f"the extra {place.extra} is not installed")


def check(folder: Path, files: list[str], target: str, reported: float, scenes: Dataset, apart: float) -> None:
    """One file of them is the model; the others belong to it, or are refused with a true sentence."""
    for name in set(files) & set(NOT_READ):
        with pytest.raises(ModelError, match=NOT_READ[name]):
            load(folder / name)
    for name in set(files) & set(READ):
        assert ap_of(folder / name, scenes, RUNS_ON.get(target, target)) == pytest.approx(reported, abs=apart)


@pytest.mark.parametrize("target", TARGETS)
def test_each_file_of_each_target_has_a_place_in_these_tests(target: str) -> None:
    unknown = set(PLACES[target].writes) - {*READ, *NOT_READ, *BELONG}
    assert PLACES[target].writes and not unknown, (
        f"target {target} writes {sorted(unknown)}, and no test reads it again: let an importer read it and add it to "
        "READ, or say in NOT_READ what is said of it, or in BELONG that it is a part of another file"
    )
    assert set(PLACES[target].writes) & set(READ), f"nothing that target {target} writes is read again"


@pytest.mark.parametrize(("target", "precision"), FLOATS)
def test_in_float(target: str, precision: str, in_float: float, scenes: Dataset, tmp_path: Path) -> None:
    require(target)
    artefact = export("yolov8-pico", target, precision=precision).artefact
    for name, content in artefact.files.items():
        (tmp_path / name).write_bytes(content)
    check(tmp_path, list(artefact.files), target, in_float, scenes, 0.01 if precision == "fp32" else 0.5)


@pytest.mark.parametrize("target", INTEGERS)
def test_in_8_bits(target: str, scenes: Dataset, tmp_path: Path) -> None:
    require(target)
    result = quantize("yolov8-pico", scenes, recipe=PLAIN, target=target, calib=2, val_limit=IMAGES)
    result.save(tmp_path)
    check(tmp_path, list(result.artefact.files), target, result.report.figures()["quantized"]["ap"], scenes, 0.01)


@pytest.mark.parametrize(
    ("source", "precision", "target"),
    [
        ("tflite", "fp32", "edgetpu"),
        ("tflite", "fp16", "openvino"),
        ("openvino", "fp16", "tflite"),
        ("opencv", "fp32", "ort"),
        ("pytorch", "fp32", "openvino"),
        ("oak", "fp16", "ort"),
        ("ncnn", "fp32", "ort"),
        ("ort", "fp32", "ncnn"),
    ],
)
def test_a_float_file_is_quantised_again(
    source: str, precision: str, target: str, in_float: float, scenes: Dataset, tmp_path: Path
) -> None:
    require(source)
    require(target)
    artefact = export("yolov8-pico", source, precision=precision).artefact
    for name, content in artefact.files.items():
        (tmp_path / name).write_bytes(content)
    file = next(tmp_path / name for name in FIRST if name in artefact.files)
    report = quantize(file, scenes, recipe=PLAIN, target=target, calib=2, val_limit=IMAGES).report.figures()
    assert report["float"]["ap"] == pytest.approx(in_float, abs=0.5)
    assert report["quantized"]["ap"] > in_float - 5 and report["int8"]["macs_percent"] > 80
