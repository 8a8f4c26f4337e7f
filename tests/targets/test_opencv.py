from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from detquant.calibration import weight_grid
from detquant.cli import main
from detquant.errors import TargetError
from detquant.graph.qdq import insert_qdq
from detquant.graph.running import OrtRunner
from detquant.graph.weights import replace_weight
from detquant.numerics import INT8, UINT8, PerAxis, QuantSpec, grid_from_range
from detquant.targets import Artefact, load_target
from detquant.targets.opencv import silent

TARGET = load_target("opencv")


def test_a_float_graph_computes_the_same(small_net, images):
    feed = images(1)[0]
    found = TARGET.open(TARGET.lower_float(small_net, "fp32")).run(feed)
    assert list(found) == ["scores"]
    assert np.allclose(found["scores"], OrtRunner(small_net).run(feed)["scores"], atol=1e-4)


def test_results_stay_when_the_next_image_comes(small_net, images):
    runner, (one, other) = TARGET.open(TARGET.lower(small_net)), images(2)
    first = runner.run(one)["scores"]
    kept = first.copy()
    runner.run(other)
    assert np.array_equal(first, kept)


def test_an_operator_that_its_importer_lacks():
    graph = helper.make_graph(
        [helper.make_node("StringNormalizer", ["x"], ["y"])],
        "strange",
        [helper.make_tensor_value_info("x", onnx.TensorProto.STRING, [2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.STRING, [2])],
    )
    with pytest.raises(TargetError, match=rf"OpenCV {cv2.__version__} cannot read the model: .*another target"):
        TARGET.open(Artefact({"model.onnx": helper.make_model(graph).SerializeToString()}))


def test_the_log_level_comes_back():
    before = cv2.utils.logging.getLogLevel()
    with silent():
        pass
    assert cv2.utils.logging.getLogLevel() == before


def test_a_classifiers_last_layer_stays_in_float(tmp_path):
    given = ["quantize", "resnet-pico", "--data", "crops", "--target", "opencv", "--calib", "8", "--val-limit", "60"]
    assert main([*given, "--out", str(tmp_path / "out"), "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["quantized"]["top1"] > figures["float"]["top1"] - 10
    assert "Gemm has no integer kernel on opencv" in " ".join(figures["kept_float"].values())


@pytest.mark.parametrize(("channels", "groups", "kernel"), [(64, 1, 1), (64, 1, 3), (3, 1, 3), (16, 16, 3)])
def test_no_sum_of_products_saturates(build, channels, groups, kernel):
    """Why weights may use all of their grid here, on processors without VNNI too."""
    per_channel, codes = QuantSpec(qtype=INT8, granularity=PerAxis(0)), QuantSpec(qtype=UINT8, symmetric=False)
    lopsided = np.linspace(-1, 1, 32).reshape(-1, 1, 1, 1)  # all weights of a channel are of one sign and size
    shape = (32, channels // groups, kernel, kernel)
    net = build(
        [("Conv", ["x", "w", "b"], ["y"], {"name": "conv", "pads": [kernel // 2] * 4, "group": groups})],
        {"x": [1, channels, 8, 8]},
        {"y": [1, 32, 8, 8]},
        {"w": np.broadcast_to(lopsided, shape).astype(np.float32), "b": np.zeros(32, np.float32)},
    )
    white = np.ones((1, channels, 8, 8), np.float32)
    image = grid_from_range(0.0, 1.0, codes)
    weights = weight_grid(net.graph.node("conv"), per_channel, x=image)
    replace_weight(net.graph.node("conv"), weights.values)
    exact = OrtRunner(net, optimisation="none").run({"x": white})["y"]
    grid = grid_from_range(exact.min(), exact.max(), codes)
    qdq = insert_qdq(net, activations={"x": image, "y": grid}, weights={"conv": weights.params}, nodes=["conv"])
    found = TARGET.open(TARGET.lower(qdq)).run({"x": white})["y"]
    assert np.abs(weights.values).max() / weights.params.scale.max() > 126.9
    assert np.abs(found - exact).max() <= 1.5 * grid.scale
