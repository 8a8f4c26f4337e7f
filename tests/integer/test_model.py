"""Whole detectors in integers, beside ONNX Runtime's own integer kernels."""

from __future__ import annotations

import pickle
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from given_codes import quantised

from detquant.data import iter_images, open_dataset
from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.running import OrtRunner
from detquant.integer.draft import Widths
from detquant.integer.model import IntegerModel
from detquant.integer.operators import Convolution, Product, Sum, Table
from detquant.integer.reading import read
from detquant.numerics import quantize, sqnr_db
from detquant.pipeline.detector import load
from detquant.targets import load_target

ASSETS = Path(__file__).resolve().parents[3] / "shared" / "assets"
REAL = [
    pytest.mark.slow,
    pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained detectors at {ASSETS}"),
]
DETECTORS = [
    pytest.param("yolov8-pico", "scenes", id="yolov8-pico"),
    *(
        pytest.param(ASSETS / f"weights/detect/{name}.onnx", ASSETS / "coco/coco300.yaml", id=name, marks=REAL)
        for name in ("yolov8n", "yolox_nano", "nanodet_m_416")
    ),
]


@cache
def opened(model, data, target, count=3):
    """The QDQ graph of a detector for a target, and images that it was not calibrated with."""
    detector, place = load(model), load_target(target)
    name, paths = detector.family.input_name, open_dataset(data, 0).validation[: count + 4]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    return quantised(place.rewrite(detector.model), feeds[:4], place.capability).qdq(), feeds[4:]


@pytest.mark.parametrize("target", ["ort", pytest.param("tflite-integer", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("model", "data"), DETECTORS)
def test_every_code_of_a_detector_is_within_one_of_the_runtimes_layer(model, data, target):
    """Each operator on the codes that were given before it, as ONNX Runtime computes the same QDQ nodes in float."""
    qdq, [feed, *_] = opened(model, data, target)
    network = cut_decode(prepare(qdq))[0]
    graph = read(network)
    given = {image.codes: quantize(feed[name], image.grid) for name, image in graph.images.items()}
    found = dict(given) | {operator.output: codes for operator, codes in graph.steps(given)}
    expected = in_the_runtime(network, graph, found)
    most = {name: int(np.abs(expected[name].astype(int) - found[name]).max()) for name in expected}
    assert len(most) >= len(graph.operators) - sum("/" in one.output for one in graph.operators)
    assert max(most.values()) <= 1
    assert np.mean([float((expected[name] != found[name]).mean()) for name in expected]) < 2e-3


def in_the_runtime(network, graph, found):
    """Codes as ONNX Runtime makes each of those that were found before it."""
    model = network.clone()
    nodes = [node for node in model.graph if node.op_type == "QuantizeLinear"]
    outputs = []
    for node in nodes:
        codes = node.outputs[0]
        readers = list(codes.uses())
        given = _given(codes)
        model.graph.inputs.append(given)
        for use in readers:
            use.node.replace_input_with(use.idx, given)
        outputs.append(codes)
    model.graph.outputs.clear()
    model.graph.outputs.extend(outputs)
    images = {name: np.zeros(graph.shapes[one.codes], np.float32) for name, one in graph.images.items()}
    feeds = {f"{c.name}_given": found[c.name].astype(c.dtype.numpy()) for c in outputs if c.name in found}
    results = OrtRunner(model, optimisation="none").run({**images, **feeds})
    first = {image.codes for image in graph.images.values()}
    return {name: array for name, array in results.items() if name in found and name not in first}


def _given(codes):
    return ir.Value(name=f"{codes.name}_given", shape=codes.shape, type=codes.type)


def test_the_embedded_detector_ends_as_the_runtimes_integer_kernels_do():
    """Codes at the heads, over the whole network at once: nothing is put right between the layers."""
    qdq, feeds = opened("yolov8-pico", "scenes", "ort")
    model = IntegerModel(qdq)
    network = OrtRunner(cut_decode(prepare(qdq))[0])
    kinds = Counter(type(operator) for operator in model.network.operators)
    assert kinds[Convolution] == kinds[Table] == kinds[Product] == 57 and kinds[Sum] == 6
    for feed in feeds:
        expected, found = network.run(feed), model.network.run(feed)
        assert expected.keys() == found.keys()
        for name in expected:
            off = np.abs(expected[name].astype(int) - found[name])
            # Processors round single codes the other way, each where its kernels add in another order; one such code in
            # the first layers has come to half a code at the heads, as any change of the image by that much would.
            assert off.max() <= 16 and off.mean() < 2.0
        outputs, whole = OrtRunner(qdq).run(feed), model.run(feed)
        assert sqnr_db(outputs["output0"], whole["output0"]) > 40.0


def test_a_network_goes_to_other_processes(small_net, images):
    network = IntegerModel(quantised(small_net, images(3), load_target("ort").capability).qdq()).network
    sent, feed = pickle.loads(pickle.dumps(network)), images(1)[0]
    expected, found = network.run(feed), sent.run(feed)
    assert expected.keys() == found.keys() and all(np.array_equal(expected[name], found[name]) for name in found)


@pytest.mark.parametrize(("bits", "least"), [(10, 22.0), (16, 25.0)])
def test_an_activation_inside_its_layer_in_a_whole_detector(bits, least):
    qdq, [feed, *_] = opened("yolov8-pico", "scenes", "openvino")
    found = IntegerModel(qdq, Widths(preactivation=bits)).run(feed)["output0"]
    assert sqnr_db(OrtRunner(qdq).run(feed)["output0"], found) > least


def test_the_runtimes_file_of_integer_operators_has_those_that_are_read():
    """`ort-qoperator` keeps what the runtime itself rewrites; it finds the operators that are read here."""
    qdq, _ = opened("yolov8-pico", "scenes", "ort")
    written = onnx.load_from_string(load_target("ort-qoperator").lower(qdq).files["model.onnx"])
    kinds = Counter(node.op_type for node in written.graph.node)
    read_here = Counter(type(operator) for operator in IntegerModel(qdq).network.operators)
    assert kinds["QLinearConv"] == read_here[Convolution]
    assert kinds["QLinearSigmoid"] == read_here[Table] and kinds["QLinearMul"] == read_here[Product]
    assert kinds["QLinearAdd"] == read_here[Sum]
