"""Activations of other widths than 8 bits: the codes of the plan come out, and what runs in float is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import detquant
from detquant.calibration import Collector, calibrate
from detquant.data.scenes import open_crops
from detquant.errors import RecipeError
from detquant.graph import prepare
from detquant.graph.running import OrtRunner, optimised
from detquant.graph.saturation import with_saturation
from detquant.pipeline.float_widths import float_by_width, said_of_float_widths
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, load_recipe, plan
from detquant.targets import load_target

NARROW = ("ort", "ort-qoperator", "openvino", "tflite", "tflite-integer", "ncnn", "pytorch")
LAYERS = 3


def widths(bits: int) -> Recipe:
    """All activations of this width, wherever they stand."""
    w8a8 = load_recipe("w8a8")
    activation = w8a8.activations[0]
    rule = replace(w8a8.rules[0], activation=replace(activation, qtype=replace(activation.qtype, bits=bits)))
    return replace(w8a8, name=f"all {bits}", rules=(rule,), steps=())


@pytest.fixture
def quantised(small_net, images):
    def make(name: str, recipe: Recipe):
        capability, table = load_target(name).capability, images()
        points = plan(small_net, recipe, capability)
        collector = Collector(model=small_net, plan=points, by_channel=("x",))
        statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
        return calibrate(small_net, points, statistics, capability)

    return make


@pytest.mark.parametrize("bits", [4, 6])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_codes_are_cut_off_where_their_grids_end(quantised, images, name, bits):
    recipe = load_recipe(f"w8a{bits}") if name == "tflite-integer" else widths(bits)  # its image is codes from outside
    target, qdq = load_target(name), quantised(name, recipe).qdq()
    runner = target.open(target.lower(qdq))
    planned, uncut = OrtRunner(with_saturation(qdq), optimisation="basic"), OrtRunner(qdq, optimisation="basic")
    beyond = [{"x": 3 * feed["x"] - 1} for feed in images(4)]  # what calibration has not seen
    expected = np.array([planned.run(feed)["scores"] for feed in beyond])
    off = np.abs([runner.run(feed)["scores"] - one for feed, one in zip(beyond, expected, strict=True)])
    wrong = np.abs([uncut.run(feed)["scores"] - one for feed, one in zip(beyond, expected, strict=True)])
    # In OpenVINO single codes are the ones beside, as they are at 8 bits.
    assert off.mean() < (0.25 * wrong.mean() if name == "openvino" else 1e-4)


@pytest.mark.parametrize("bits", [4, 8])
def test_onnx_runtime_multiplies_narrow_codes_in_integers(quantised, bits):
    target = load_target("ort")
    artefact = target.lower(quantised("ort", widths(bits)).qdq())
    kinds = Counter(node.op_type for node in onnx.load_from_string(optimised(artefact.files["model.onnx"])).graph.node)
    assert kinds["QLinearConv"] == LAYERS and (kinds["Clip"] > 0) is (bits < 8)
    assert target.finish(artefact, None, {}) == (artefact, ())


def test_a_file_of_narrow_weights_is_compact_and_read_again(tmp_path):
    detector = detquant.load("resnet-pico")
    sizes, target, crops = {}, load_target("ort"), open_crops(calibration=1, validation=1)
    for name in ("w8a8", "w4a8"):
        recipe = replace(load_recipe(name), steps=())
        qm = Job(detector=detector, dataset=crops, recipe=recipe, target=target).run().model
        artefact = target.lower(qm.qdq())
        sizes[name] = artefact.size_bytes
    assert sizes["w4a8"] < 0.65 * sizes["w8a8"]  # of 0.27 MB of weights; of YOLOv8n's 3.2 MB it is 0.52
    (tmp_path / "model.onnx").write_bytes(artefact.files["model.onnx"])
    runner, planned = target.open(artefact), OrtRunner(qm.qdq(), optimisation="basic")
    again = OrtRunner(prepare(ir.load(tmp_path / "model.onnx")), optimisation="basic")
    feed = {"images": np.random.default_rng(0).random((1, 3, 32, 32), np.float32)}
    for name, expected in planned.run(feed).items():
        np.testing.assert_array_equal(again.run(feed)[name], expected)
        assert runner.run(feed)[name].shape == expected.shape


def test_openvino_multiplies_narrow_codes_in_integers(quantised):
    target = load_target("openvino")
    runner = target.open(target.lower(quantised("openvino", widths(4)).qdq()))
    assert "u8" in runner.precisions()["Convolution"] and "f32" not in runner.precisions()["Convolution"]


def test_tflite_multiplies_narrow_codes_in_integers(quantised):
    target = load_target("tflite")
    runner = target.open(target.lower(quantised("tflite", widths(4)).qdq()))
    assert runner.precisions()["CONV_2D"]["int8"] == LAYERS


@pytest.mark.parametrize("name", ["ort", "ort-qoperator", "openvino"])
def test_codes_of_sixteen_bits_run_in_float_and_it_is_said(quantised, small_net, images, name):
    target, made = load_target(name), quantised(name, widths(16))
    artefact = target.lower(made.qdq())
    runner, plain = target.open(artefact), OrtRunner(small_net)
    near = quantised(name, widths(8)).qdq()
    errors = {"wide": 0.0, "usual": 0.0}
    for feed in images(4):
        expected = plain.run(feed)["scores"]
        errors["wide"] += float(np.abs(runner.run(feed)["scores"] - expected).mean())
        errors["usual"] += float(np.abs(OrtRunner(near, optimisation="basic").run(feed)["scores"] - expected).mean())
    assert errors["wide"] < errors["usual"]
    assert len(float_by_width(small_net.graph, made.plan, target.capability)) == len(made.plan.integer)
    [sentence] = said_of_float_widths(small_net.graph, made.plan, target.capability)
    count = len(made.plan.integer)
    assert f"no integer kernels for activations of 16 bits: {count} of the {count} operators" in sentence
    if name != "openvino":
        [told] = target.finish(artefact, None, {})[1]
        assert f"runs {LAYERS} of the {LAYERS} layers that the plan has on codes in float" in told


def test_what_is_float_anyway_has_nothing_to_say(quantised, small_net):
    made, facts = quantised("pytorch", widths(16)), load_target("pytorch").capability
    assert float_by_width(small_net.graph, made.plan, facts) == {}
    made, facts = quantised("ort", widths(4)), load_target("ort").capability
    assert said_of_float_widths(small_net.graph, made.plan, facts) == []


@pytest.mark.parametrize(
    ("name", "bits", "kernels"),
    [
        ("opencv", 4, "8"),
        ("tensorrt", 6, "8"),
        ("edgetpu", 4, "8"),
        ("opencv", 16, "8"),
        ("edgetpu", 16, "8"),
        ("tflite", 12, "2 to 8 and 16"),
        ("ort", 12, "2 to 8 and 16"),
    ],
)
def test_widths_that_a_target_cannot_run_are_refused(small_net, name, bits, kernels):
    with pytest.raises(RecipeError, match=f"on {name} activations of {bits} bits, and its kernels take {kernels}: "):
        plan(small_net, widths(bits), load_target(name).capability)


def test_layers_that_the_runtime_fused_in_float_are_counted(quantised):
    """Codes around zero do not say what a Relu says, so ONNX Runtime fuses it with the layer before it, in float."""
    target, made = load_target("ort"), quantised("ort", load_recipe("w8a8-symmetric"))
    [told] = target.finish(target.lower(made.qdq()), None, {})[1]
    assert f"runs 2 of the {LAYERS} layers that the plan has on codes in float" in told and "'second'" in told
