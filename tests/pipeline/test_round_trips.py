"""What detquant writes, detquant reads: measured again, each file gives the AP that was reported for it.

Of a detector of a dozen operators always, of the embedded one among the slow tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Case:
    """A float detector, images with boxes, and the least share of its multiply-accumulates that is for integers."""

    model: Path | str
    data: Dataset
    integer: float

    @property
    def ap(self) -> float:
        """On the first `IMAGES`, in float."""
        return self.ap_of(self.model)

    def ap_of(self, path: Path | str, target: str = "ort") -> float:
        """What a file reaches where it runs by itself, or where it is asked to."""
        found = evaluate(path, self.data, target=target if target in ASKED else "auto", val_limit=IMAGES)
        assert found.target == target and isinstance(found.accuracy, Accuracy)
        return found.accuracy.figures()["ap"]


@pytest.fixture(params=["white squares", pytest.param("yolov8-pico", marks=pytest.mark.slow)])
def case(request: pytest.FixtureRequest, square_model: Path, square_data: Callable[..., Path]) -> Case:
    if request.param == "yolov8-pico":
        return Case(request.param, open_dataset("scenes"), 80)
    return Case(square_model, open_dataset(square_data(images=IMAGES)), 75)  # its heads are large


def require(name: str) -> None:
    place = PLACES[name]
    try:
        version(place.package)
    except PackageNotFoundError:
        if place.extra:
            pytest.skip(f"the extra {place.extra} is not installed")


def check(folder: Path, files: list[str], target: str, reported: float, case: Case, apart: float) -> None:
    """One file of them is the model; the others belong to it, or are refused with a true sentence."""
    for name in set(files) & set(NOT_READ):
        with pytest.raises(ModelError, match=NOT_READ[name]):
            load(folder / name)
    for name in set(files) & set(READ):
        assert case.ap_of(folder / name, RUNS_ON.get(target, target)) == pytest.approx(reported, abs=apart)


@pytest.mark.parametrize("target", TARGETS)
def test_each_file_of_each_target_has_a_place_in_these_tests(target: str) -> None:
    unknown = set(PLACES[target].writes) - {*READ, *NOT_READ, *BELONG}
    assert PLACES[target].writes and not unknown, (
        f"target {target} writes {sorted(unknown)}, and no test reads it again: let an importer read it and add it to "
        "READ, or say in NOT_READ what is said of it, or in BELONG that it is a part of another file"
    )
    assert set(PLACES[target].writes) & set(READ), f"nothing that target {target} writes is read again"


@pytest.mark.parametrize(("target", "precision"), FLOATS)
def test_in_float(target: str, precision: str, case: Case, tmp_path: Path) -> None:
    require(target)
    artefact = export(case.model, target, precision=precision).artefact
    folder = written(artefact.files, tmp_path / "made")
    check(folder, list(artefact.files), target, case.ap, case, 0.01 if precision == "fp32" else 0.5)


@pytest.mark.parametrize("target", INTEGERS)
def test_in_8_bits(target: str, case: Case, tmp_path: Path) -> None:
    require(target)
    result = quantize(case.model, case.data, recipe=PLAIN, target=target, calib=2, val_limit=IMAGES)
    result.save(tmp_path / "made")
    reported = result.report.figures()["quantized"]["ap"]
    assert reported > case.ap - 5
    check(tmp_path / "made", list(result.artefact.files), target, reported, case, 0.01)


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
def test_a_float_file_is_quantised_again(source: str, precision: str, target: str, case: Case, tmp_path: Path) -> None:
    require(source)
    require(target)
    artefact = export(case.model, source, precision=precision).artefact
    folder = written(artefact.files, tmp_path / "made")
    file = next(folder / name for name in FIRST if name in artefact.files)
    report = quantize(file, case.data, recipe=PLAIN, target=target, calib=2, val_limit=IMAGES).report.figures()
    assert report["float"]["ap"] == pytest.approx(case.ap, abs=0.5)
    assert report["quantized"]["ap"] > case.ap - 5 and report["int8"]["macs_percent"] > case.integer


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
