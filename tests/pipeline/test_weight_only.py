"""The recipe w8 from the command line: smaller, computed in float, and said to be."""

from __future__ import annotations

import json

import numpy as np
import onnx

from detquant.cli import main


def test_a_quarter_of_the_size_and_the_squares_are_still_found(square_model, square_data, tmp_path, capsys):
    out, data = tmp_path / "out", str(square_data())
    asked = ["quantize", str(square_model), "--data", data, "--recipe", "w8", "--target", "opencv", "--out", str(out)]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert "layers in float on weights of at most 8 bits" in printed and "the recipe w8" not in printed
    report = json.loads((out / "report.json").read_text())
    assert report["calibration"]["images"] == 0 and report["int8"]["operators"] == 0 < report["int8"]["weight_only"]
    assert report["quantized"]["ap"] > report["float"]["ap"] - 1.0
    made = onnx.load(out / "model.onnx")
    kinds = [node.op_type for node in made.graph.node]
    assert kinds.count("DequantizeLinear") == report["int8"]["weight_only"] and "QuantizeLinear" not in kinds
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    layers = [node for node in made.graph.node if node.op_type == "DequantizeLinear"]
    assert all(stored[node.input[0]].dtype == np.int8 for node in layers)
    given = onnx.load(square_model)
    before = sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in given.graph.initializer)
    assert sum(array.nbytes for array in stored.values()) < 0.6 * before  # of so few weights scales are a part


def test_other_targets_say_where_it_runs(square_model, square_data, tmp_path, capsys):
    out, data = tmp_path / "out", str(square_data())
    assert main(["quantize", str(square_model), "--data", data, "--recipe", "w8", "--out", str(out)]) == 2
    assert "ort would unfold them anew for each image: choose a target" in capsys.readouterr().err and not out.exists()


def test_what_is_faster_in_float_is_small_all_the_same(square_model, square_data, tmp_path):
    data, recipe = str(square_data()), tmp_path / "part.toml"
    text = """name = "part"
head = "float"
[[rules]]
ops = ["*"]
weight = { qtype = "int8", granularity = "per_axis", observer = "mse" }
activation = { qtype = "uint8", symmetric = false, observer = "minmax" }
"""
    recipe.write_text(text)
    out = tmp_path / "out"
    asked = ["quantize", str(square_model), "--data", data, "--recipe", str(recipe), "--target", "opencv"]
    assert main([*asked, "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert "the recipe w8" in " ".join(report["runtime"])
    assert report["int8"]["operators"] > 0 and report["int8"]["weight_only"] > 0
    assert report["quantized"]["ap"] > report["float"]["ap"] - 5.0
