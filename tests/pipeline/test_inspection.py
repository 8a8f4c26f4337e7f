from __future__ import annotations

import json
from dataclasses import replace

import onnx
import onnx_ir as ir
import pytest
from onnx import helper

import detquant
from detquant.cli import main
from detquant.data import open_crops
from detquant.errors import ModelError, RecipeError, TargetError
from detquant.graph.qdq import insert_qdq
from detquant.numerics import UINT8, QuantSpec, grid_from_range
from detquant.pipeline.detector import Stranger, load, look_at
from detquant.pipeline.inspection import describe_plan, inspect, plan
from detquant.recipes import load_recipe
from detquant.report import sheets


def test_what_a_model_is_made_of(square_model):
    found = inspect(load(square_model))
    assert found["operators"]["Conv"] == 8 and found["family"] == "yolov8"
    assert found["macs"] > 0 and 0 < found["int8"]["macs_percent"] < 100
    assert found["kept_float"]["head output, feeds the decode tail"] == 3
    assert sum(found["kept_float"].values()) + found["int8"]["operators"] == found["int8"]["of"]
    json.dumps(found)


def test_macs_that_nobody_knows_are_not_shown_as_none(square_model):
    found = inspect(load(square_model))
    assert dict(map(tuple, sheets.model(found).rows))["MACs"] == f"{found['macs']:,}"
    assert dict(map(tuple, sheets.model(found | {"macs": 0}).rows))["MACs"] == "not known"


def test_the_plan_tensor_by_tensor(square_model):
    found = describe_plan(plan(load(square_model), recipe="w8a8", target="ort"))
    grids = {one["tensor"]: (one["grid"], one["detail"]) for one in found["points"]}
    assert grids["images"] == ("fixed", "uint8, 0 to 1")
    assert any(kind == "own" and "uint8 asymmetric" in detail for kind, detail in grids.values())
    assert grids["s0"] == ("fixed", "uint8, 0 to 1")
    assert grids["stem_b"][0] == "derived"
    assert "head8" in found["kept_float"] and "stem" in found["integer"]
    assert [one["operator"] for one in found["weights"]] == ["stem", "conv1", "conv2", "conv3", "conv4"]
    json.dumps(found)


def test_a_quantised_model_has_no_plan(square_model, tmp_path):
    grid = grid_from_range(0, 1, QuantSpec(qtype=UINT8, symmetric=False))
    qdq = insert_qdq(load(square_model).model, activations={"images": grid}, weights={}, nodes={"stem"})
    ir.save(qdq, tmp_path / "quantised.onnx")
    detector = load(tmp_path / "quantised.onnx")
    assert inspect(detector)["int8"] is None
    with pytest.raises(ModelError, match="quantised already"):
        plan(detector, recipe="w8a8", target="ort")


def test_unknown_names(square_model):
    with pytest.raises(RecipeError, match="did you mean 'w8a8'"):
        plan(load(square_model), recipe="w8a9", target="ort")
    with pytest.raises(TargetError, match="did you mean 'ort'"):
        plan(load(square_model), recipe="w8a8", target="orrt")


def test_a_model_of_no_known_family_is_shown_all_the_same(square_proto, square_model, tmp_path, capsys):
    square_proto.graph.output.add().CopyFrom(helper.make_tensor_value_info("r3", onnx.TensorProto.FLOAT, [1, 8, 6, 6]))
    onnx.save(square_proto, tmp_path / "strange.onnx")
    stranger = look_at(tmp_path / "strange.onnx")
    assert isinstance(stranger, Stranger)
    found = inspect(stranger)
    assert found["family"] is found["int8"] is None and "no known family" in found["family_reason"]
    assert found["operators"]["Conv"] == 8 and found["parameters"] == inspect(load(square_model))["parameters"]
    json.dumps(found)
    assert main(["inspect", str(tmp_path / "strange.onnx")]) == 0
    shown = capsys.readouterr().out
    assert "unknown: " in shown and "output0" in shown and "r3" in shown and "Conv" in shown


def test_a_size_that_is_left_open_is_no_obstacle(free_square_model, capsys):
    found = inspect(look_at(free_square_model))
    assert "--imgsz" in found["family_reason"] and found["operators"]["Conv"] == 8
    assert main(["inspect", str(free_square_model)]) == 0
    assert "side" in capsys.readouterr().out


def test_codes_of_weights_are_parameters(tmp_path):
    plain = replace(load_recipe("w8a8"), steps=())
    detquant.quantize("resnet-pico", open_crops(calibration=2, validation=2), recipe=plain).save(tmp_path / "out")
    before, after = inspect(load("resnet-pico")), inspect(load(tmp_path / "out/model.onnx"))
    assert after["parameters"] == pytest.approx(before["parameters"], rel=0.01)
