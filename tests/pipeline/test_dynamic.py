"""The recipe dynamic from the command line: no image is calibrated on, and the result is a model like any other."""

from __future__ import annotations

import json
from importlib.util import find_spec

import onnx
import pytest

from detquant.cli import main

TARGETS = [
    "ort",
    pytest.param("tflite", marks=pytest.mark.skipif(not find_spec("ai_edge_litert"), reason="no extra tflite")),
]


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_calibrated_and_the_squares_are_still_found(square_model, square_data, tmp_path, target):
    out, data = tmp_path / "out", str(square_data())
    asked = [
        "quantize",
        str(square_model),
        "--data",
        data,
        "--recipe",
        "dynamic",
        "--target",
        target,
        "--out",
        str(out),
    ]
    assert main(asked) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["calibration"]["images"] == 0 and report["recipe"] == "dynamic" and report["int8"]["operators"] > 0
    assert report["quantized"]["ap"] > report["float"]["ap"] - 1.0
    assert (report["quantized"]["latency_ms"] > report["float"]["latency_ms"]) is bool(report["warnings"])


def test_the_result_is_evaluated_and_timed_and_not_quantised_again(square_model, square_data, tmp_path, capsys):
    out, data = tmp_path / "out", str(square_data())
    assert main(["quantize", str(square_model), "--data", data, "--recipe", "dynamic", "--out", str(out)]) == 0
    made = str(out / "model.onnx")
    kinds = {node.op_type for node in onnx.load(made).graph.node}
    assert {"DynamicQuantizeLinear", "ConvInteger"} <= kinds
    assert main(["evaluate", made, "--data", data]) == 0
    assert main(["benchmark", str(square_model), made, "--runs", "2"]) == 0
    assert main(["quantize", made, "--data", data, "--out", str(tmp_path / "again")]) == 2
    assert "is quantised already" in capsys.readouterr().err


def test_the_plan_says_what_is_rounded_when(square_model, capsys):
    assert main(["plan", str(square_model), "--recipe", "dynamic"]) == 0
    assert "found for each image as it runs" in capsys.readouterr().out
    assert main(["plan", str(square_model), "--recipe", "dynamic", "--target", "opencv"]) == 2
    assert "target opencv has no kernels that do" in capsys.readouterr().err
