from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.cli import main
from detquant.data import open_scenes
from detquant.graph import prepare
from detquant.graph.summary import summarize
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.growth import float_growth, growth
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe
from detquant.targets import Artefact

PLAIN = replace(load_recipe("w8a8"), steps=())
MEGABYTE = 1_000_000
DETECTOR = load("yolov8-pico")


@pytest.fixture
def graph(build) -> ir.Model:
    stored = {
        "codes": np.ones((1000, 1000, 1, 1), np.int8),
        "step": np.float32(0.1),
        "kept": np.ones((500, 1000, 1, 1), np.float32),
    }
    rows = [
        ("DequantizeLinear", ["codes", "step"], ["w"], {}),
        ("Conv", ["x", "w"], ["a"], {}),
        ("Conv", ["a", "kept"], ["y"], {}),
    ]
    return prepare(build(rows, {"x": [1, 1000, 2, 2]}, {"y": None}, stored))


def of_size(size: int) -> Detector:
    """The embedded detector, 0.6 million parameters, as if its file had these bytes."""
    return replace(DETECTOR, imported=replace(DETECTOR.imported, size_bytes=size))


def test_what_is_not_larger_needs_no_word(graph) -> None:
    assert growth(of_size(4 * MEGABYTE), Artefact({"model.onnx": bytes(4 * MEGABYTE)}), graph) == []


@pytest.mark.parametrize(("size", "halves"), [(MEGABYTE, True), (3 * MEGABYTE, False)])
def test_what_is_inside_is_said(size: int, halves: bool, graph) -> None:
    [said] = growth(of_size(size), Artefact({"model.xml": bytes(MEGABYTE), "model.bin": bytes(3 * MEGABYTE)}), graph)
    assert (
        f"{4 * MEGABYTE / size:.2f} times as large as the file that came in (4.00 MB after {size / 1e6:.2f} MB)" in said
    )
    assert "1.00 MB of quantised weights, 2.00 MB of numbers in float32" in said
    assert ("came in 16 bits" in said) is halves
    assert "and 1.00 MB that describe the graph" in said and "1.00 MB are text" in said


def test_another_engine_tells_nothing_of_what_is_inside() -> None:
    [said] = growth(of_size(MEGABYTE), Artefact({"model.onnx": bytes(2 * MEGABYTE)}), None)
    assert said == "The result is 2.00 times as large as the file that came in (2.00 MB after 1.00 MB)."


def test_the_report_says_it() -> None:
    report = quantize(
        of_size(MEGABYTE // 2), open_scenes(calibration=2, validation=1), recipe=PLAIN, calib=2, val_limit=1
    ).report.figures()
    assert report["quantized"]["size_bytes"] > MEGABYTE // 2
    assert any("times as large as the file that came in" in note for note in report["notes"])


# ---------------------------------------------------------------- in float

PARAMETERS = summarize(DETECTOR.model.graph).parameters


def test_a_float_result_that_is_not_larger_needs_no_word() -> None:
    assert float_growth(of_size(MEGABYTE), Artefact({"model.onnx": bytes(MEGABYTE)}), "fp32", ("fp32",)) == []


@pytest.mark.parametrize(
    ("size", "precision", "takes", "words"),
    [
        (3.9 * PARAMETERS, "fp32", ("fp32", "fp16"), ""),  # it was in float32 before
        (2.1 * PARAMETERS, "fp32", ("fp32", "fp16"), "came in 16 bits or fewer: --precision fp16 keeps them in 16."),
        (2.1 * PARAMETERS, "fp32", ("fp32",), "in fp32, which came in 16 bits or fewer."),
        (2.1 * PARAMETERS, "fp16", ("fp32", "fp16"), ""),
        (1.1 * PARAMETERS, "fp16", ("fp32", "fp16"), "in fp16, which came in 8 bits or fewer."),
    ],
)
def test_why_a_float_result_is_larger(size: float, precision: str, takes: tuple[str, ...], words: str) -> None:
    artefact = Artefact({"model.onnx": bytes(5 * PARAMETERS)})
    [said] = float_growth(of_size(int(size)), artefact, precision, takes)
    assert said.startswith(f"The result is {5 * PARAMETERS / int(size):.2f} times as large as the file that came in")
    assert said.endswith(words) and ("It holds" in said) is bool(words)


def test_an_export_says_it(tmp_path, capsys) -> None:
    half, whole = tmp_path / "half", tmp_path / "whole"
    assert main(["export", "yolov8-pico", "--target", "ort", "--precision", "fp16", "--out", str(half)]) == 0
    assert "times as large" not in capsys.readouterr().out
    assert main(["export", str(half / "model.onnx"), "--target", "ort", "--out", str(whole)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "times as large as the file that came in" in said and "--precision fp16 keeps them in 16." in said
