from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.graph import Runner
from detquant.graph.qdq import insert_qdq
from detquant.numerics import UINT8, QuantSpec, grid_from_range
from detquant.pipeline.detector import load

IMAGE = np.random.default_rng(0).random((1, 3, 96, 96), np.float32)


def test_family_is_found_with_a_reason(square_model):
    detector = load(square_model)
    assert detector.family.name == "yolov8" and "[1, 84, 189]" in detector.reason
    assert not detector.is_quantized


def test_the_users_own_graph_runs(square_model, square_proto):
    detector = load(square_model)
    found = detector.open().run({"images": IMAGE})["output0"]
    np.testing.assert_array_equal(found, Runner(square_proto.SerializeToString()).run({"images": IMAGE})["output0"])


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
    prepared = Runner(detector.model).run({"images": IMAGE})["output0"]
    np.testing.assert_array_equal(detector.open().run({"images": IMAGE})["output0"], prepared)
