from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

import detquant
from detquant.data import open_scenes
from detquant.embedded import embedded_model
from detquant.errors import ModelError
from detquant.graph import OrtRunner
from detquant.graph.qdq import insert_qdq
from detquant.numerics import UINT8, QuantSpec, grid_from_range
from detquant.pipeline.detector import load
from detquant.recipes import load_recipe

IMAGE = np.random.default_rng(0).random((1, 3, 96, 96), np.float32)


def test_family_is_found_with_a_reason(square_model):
    detector = load(square_model)
    assert detector.family.name == "yolov8" and "[1, 84, 189]" in detector.reason
    assert not detector.is_quantized


def test_the_users_own_graph_runs(square_model, square_proto):
    detector = load(square_model)
    found = detector.open().run({"images": IMAGE})["output0"]
    np.testing.assert_array_equal(found, OrtRunner(square_proto.SerializeToString()).run({"images": IMAGE})["output0"])


def test_a_free_size_needs_imgsz(free_square_model):
    with pytest.raises(ModelError, match="--imgsz"):
        load(free_square_model)
    detector = load(free_square_model, imgsz=96)
    assert (detector.family.height, detector.family.width) == (96, 96)
    assert detector.open().run({"images": IMAGE})["output0"].shape == (1, 84, 189)


def test_the_family_may_be_said(square_model):
    assert load(square_model, family="yolov8").family.name == "yolov8"
    with pytest.raises(ModelError, match="not of family 'yolox'"):
        load(square_model, family="yolox")


def test_metadata_is_heeded(square_proto, tmp_path):
    names = {index: f"thing {index}" for index in range(80)}
    square_proto.metadata_props.add(key="names", value=str(names))
    onnx.save(square_proto, tmp_path / "named.onnx")
    assert load(tmp_path / "named.onnx").family.classes[3] == "thing 3"


def test_a_quantised_model_loads_and_stays_as_it_is(square_model, tmp_path):
    float_model = load(square_model).model
    grid = grid_from_range(0, 1, QuantSpec(qtype=UINT8, symmetric=False))
    qdq = insert_qdq(float_model, activations={"images": grid}, weights={}, nodes={"stem"})
    ir.save(qdq, tmp_path / "quantised.onnx")
    detector = load(tmp_path / "quantised.onnx")
    kinds = [node.op_type for node in detector.model.graph]
    assert detector.is_quantized and detector.family.name == "yolov8"
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear") == 1
    prepared = OrtRunner(detector.model).run({"images": IMAGE})["output0"]
    np.testing.assert_array_equal(detector.open().run({"images": IMAGE})["output0"], prepared)


def test_a_reading_travels_in_what_is_written(tmp_path):
    onnx.save(in_parts(), tmp_path / "parts.onnx")
    detector = load(tmp_path / "parts.onnx")
    assert detector.family.reading["unit"] == "parts"
    scenes = open_scenes(calibration=4, validation=4)
    detquant.quantize(detector, scenes, recipe=replace(load_recipe("w8a8"), steps=())).save(tmp_path / "out")
    again = load(tmp_path / "out/model.onnx")
    assert again.imported.metadata["detquant.reading"] == '["parts"]'
    assert again.family.reading == detector.family.reading
    told = load(tmp_path / "out/model.onnx", reads="bgr").family.reading
    assert (told["channels"], told["unit"]) == ("bgr", "parts")


def in_parts():
    """The embedded detector with its boxes in parts of the input's sides."""
    model = onnx.load(str(embedded_model("yolov8-pico")))
    last = next(node for node in model.graph.node if "output0" in node.output)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(256), "side"))
    place = list(model.graph.node).index(last)
    model.graph.node.insert(place, helper.make_node("Div", [last.input[0], "side"], ["parts"]))
    last.input[0] = "parts"
    return model


def test_words_are_for_families_that_heed_them(square_model):
    assert load(square_model, reads="xyxy").family.reading["boxes"] == "xyxy"
    with pytest.raises(ModelError, match="'from-1' means nothing for the family yolov8"):
        load(square_model, reads="from-1")
    with pytest.raises(ModelError, match="means nothing for the family classifier: --preprocess says"):
        load("resnet-pico", reads="bgr")
