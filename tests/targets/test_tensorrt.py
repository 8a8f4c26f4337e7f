from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import detquant
from detquant.calibration import Collector, calibrate
from detquant.errors import TargetError
from detquant.graph.running import OrtRunner
from detquant.numerics import sqnr_db
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target
from detquant.targets.tensorrt import with_float_biases

TARGET = load_target("tensorrt")


@pytest.fixture
def quantised(small_net, images):
    """quantised(capability): the small net."""

    def make(capability=TARGET.capability):
        table = images()
        points = plan(small_net, load_recipe("w8a8"), capability)
        collector = Collector(model=small_net, plan=points, by_channel=("x",))
        statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
        return calibrate(small_net, points, statistics, capability)

    return make


def test_every_grid_is_symmetric_and_no_bias_is_quantised(quantised):
    model = onnx.load_from_string(TARGET.lower(quantised().qdq()).files["model.onnx"])
    onnx.checker.check_model(model, full_check=True)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    pairs = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert pairs and all(constants[node.input[2]].dtype == np.int8 for node in pairs)
    assert not any(constants[node.input[2]].any() for node in pairs)
    assert not any(array.dtype == np.int32 for array in constants.values())
    made_by = {out: node for node in model.graph.node for out in node.output}
    for node in (node for node in model.graph.node if node.op_type == "Conv" and node.name != "head"):
        assert [made_by[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
        assert node.input[2] in constants
    # One kernel from the convolution to the codes behind SiLU: nothing stands between.
    sigmoid = next(node for node in model.graph.node if node.name == "silu_gate")
    assert made_by[sigmoid.input[0]].op_type == "Conv"


def test_the_stand_in_computes_nearly_the_same(small_net, quantised, images):
    feed = images(1)[0]
    runner = TARGET.open(TARGET.lower(quantised().qdq()))
    assert sqnr_db(OrtRunner(small_net).run(feed)["scores"], runner.run(feed)["scores"]) > 30
    assert "TensorRT was not run" in TARGET.remarks(runner)[0]


def test_float_biases_are_those_that_the_codes_meant(quantised, images):
    before = quantised().qdq()
    feed = images(1)[0]
    assert np.allclose(
        OrtRunner(before).run(feed)["scores"], OrtRunner(with_float_biases(before)).run(feed)["scores"], atol=1e-2
    )


def test_another_grid_is_refused_by_name(quantised):
    asymmetric = quantised(replace(TARGET.capability, symmetric=False)).qdq()
    with pytest.raises(TargetError, match=r"symmetric int8 grids only, and that of 'x"):
        TARGET.lower(asymmetric)


def test_nothing_is_placed_by_a_clock_that_means_nothing(square_model, square_data):
    result = detquant.quantize(square_model, square_data(), target="tensorrt", calib=4)
    found = result.report.figures()
    assert any("nothing was timed" in note for note in found["notes"])
    assert "TensorRT was not run" in found["runtime"][0] and found["quantized"]["ap"] > 90
