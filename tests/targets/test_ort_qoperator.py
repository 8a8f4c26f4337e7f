from __future__ import annotations

import numpy as np
import onnx
import pytest

import detquant
from detquant.calibration import Collector, calibrate
from detquant.errors import ModelError
from detquant.graph.running import as_bytes
from detquant.recipes import load_recipe, plan
from detquant.targets import Artefact, load_target


@pytest.fixture
def qdq(small_net, images):
    capability, table = load_target("ort").capability, images()
    points = plan(small_net, load_recipe("w8a8"), capability)
    collector = Collector(model=small_net, plan=points, by_channel=("x",))
    statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
    return calibrate(small_net, points, statistics, capability).qdq()


def test_convolutions_work_on_codes_and_give_the_same(qdq, images):
    plain, rewritten = load_target("ort"), load_target("ort-qoperator")
    artefact = rewritten.lower(qdq)
    kinds = [node.op_type for node in onnx.load_from_string(artefact.files["model.onnx"]).graph.node]
    assert kinds.count("QLinearConv") == 3 and kinds.count("DequantizeLinear") < 5
    before, after = plain.open(plain.lower(qdq)), rewritten.open(artefact)
    for feed in images():
        np.testing.assert_array_equal(before.run(feed)["scores"], after.run(feed)["scores"])
    assert artefact.digest() == rewritten.lower(qdq).digest()


def test_a_file_is_read_again_and_known_as_quantised(square_model, square_data, tmp_path):
    result = detquant.quantize(square_model, square_data(), target="ort-qoperator", calib=4)
    result.save(tmp_path / "out")
    assert result.report.figures()["quantized"]["ap"] > 90
    again = detquant.load(tmp_path / "out" / "model.onnx")
    assert again.is_quantized and again.family.name == "yolov8"
    with pytest.raises(ModelError, match="is quantised already"):
        detquant.quantize(tmp_path / "out" / "model.onnx", square_data())


def test_layers_that_the_runtime_leaves_in_float_are_named(qdq):
    target = load_target("ort-qoperator")
    assert target.finish(target.lower(qdq), None, {})[1] == ()
    as_it_was = Artefact({"model.onnx": as_bytes(qdq)})
    same, [sentence] = target.finish(as_it_was, None, {})
    assert (
        same is as_it_was
        and "runs 3 of the 3 layers that the plan has on codes in float" in sentence
        and "Conv '" in sentence
    )
