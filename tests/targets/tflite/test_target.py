"""The file, its signature and metadata, and LiteRT around it."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.data import iter_images, open_dataset
from detquant.errors import MissingExtra, ModelError, TargetError, UnsupportedOperator
from detquant.graph.running import OrtRunner
from detquant.pipeline.detector import load
from detquant.targets import Artefact, load_target
from detquant.targets.tflite import file, schema
from detquant.targets.tflite.versions import newest, version_of

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from given_codes import as_planned
from layers import quantised

TARGET = load_target("tflite")
FILE = "model.tflite"


@pytest.fixture
def qdq(small_net, images):
    """The small net, quantised for LiteRT."""
    return quantised(small_net, images()).qdq()


def raw(content):
    """The file in LiteRT's interpreter, without detquant."""
    from ai_edge_litert.interpreter import Interpreter

    opened = Interpreter(model_content=content)
    opened.allocate_tensors()
    return opened


def test_the_plan_runs_in_eight_bits(qdq, images):
    artefact = TARGET.lower(qdq)
    assert list(artefact.files) == [FILE]
    runner, feed = TARGET.open(artefact), images(1)[0]
    counts = runner.precisions()
    # First, second and third; the head stays float.
    assert counts["CONV_2D"] == {"int8": 3, "float32": 1} and counts["QUANTIZE"] == {"int8": 1}
    assert counts["CONCATENATION"] == counts["MAX_POOL_2D"] == counts["ADD"] == {"int8": 1}
    assert "CONV_2D 3 int8 1 float32" in TARGET.remarks(runner)[0] and "XNNPACK ran" in TARGET.remarks(runner)[0]
    found = runner.run(feed)
    assert list(found) == ["scores"] and found["scores"].shape == (1, 4, 16, 16)
    assert np.abs(found["scores"] - as_planned(qdq).run(feed)["scores"]).max() < 0.03


def test_images_are_nhwc_in_the_file_and_nchw_for_the_runner(small_net, images):
    content, feed = TARGET.lower(small_net).files[FILE], images(1)[0]
    interpreter = raw(content)
    (image,) = interpreter.get_input_details()
    assert tuple(image["shape"]) == (1, 16, 16, 3) and image["dtype"] is np.float32
    signature = interpreter.get_signature_runner()
    direct = signature(x=feed["x"].transpose(0, 2, 3, 1))["scores"]
    assert np.allclose(direct, OrtRunner(small_net).run(feed)["scores"], atol=1e-5)
    assert np.array_equal(direct, TARGET.open(Artefact({FILE: content})).run(feed)["scores"])


def test_names_are_the_models_own(qdq):
    details = raw(TARGET.lower(qdq).files[FILE])
    assert details.get_signature_list() == {"serving_default": {"inputs": ["x"], "outputs": ["scores"]}}
    assert [one["name"] for one in details.get_input_details()] == ["x"]
    assert [one["name"] for one in details.get_output_details()] == ["scores"]


def test_results_stay_when_the_next_image_comes(qdq, images):
    runner, (one, other) = TARGET.open(TARGET.lower(qdq), threads=2), images(2)
    first = runner.run(one)["scores"]
    kept = first.copy()
    runner.run(other)
    assert np.array_equal(first, kept)


def test_half_precision_halves_the_file(images):
    detector = load("yolov8-pico")
    paths = open_dataset("scenes", 0).validation[:1]
    image = next(iter(iter_images(paths, [])))[1]
    feed = {detector.family.input_name: detector.family.preprocess(image)[0]}
    full, half = (TARGET.lower_float(detector.model, precision) for precision in ("fp32", "fp16"))
    assert half.size_bytes < 0.6 * full.size_bytes
    expected, found = TARGET.open(full).run(feed)["output0"], TARGET.open(half).run(feed)["output0"]
    assert 0 < np.abs(expected - found).max() < 5e-3 * np.abs(expected).max()


def test_the_metadata_travels_and_the_runtime_is_told(small_net):
    model = small_net.clone()
    model.metadata_props["detquant.family"] = "yolov8"
    content = TARGET.lower(model).files[FILE]
    found = schema.read_metadata(content)
    assert found == {"properties": {"detquant.family": "yolov8"}, "layouts": {"x": "NHWC"}}
    read = schema.schema().Model.GetRootAs(content)
    entries = {read.Metadata(k).Name().decode(): read.Metadata(k).Buffer() for k in range(read.MetadataLength())}
    runtime = read.Buffers(entries["min_runtime_version"]).DataAsNumpy().tobytes()
    assert len(runtime) == 16 and runtime.rstrip(b"\0") == b"1.14.0"


def test_arrays_begin_at_multiples_of_sixteen_bytes(qdq):
    content = TARGET.lower(qdq).files[FILE]
    read = schema.schema().Model.GetRootAs(content)
    start = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
    buffers = [read.Buffers(k) for k in range(read.BuffersLength())]
    places = [b.DataAsNumpy().__array_interface__["data"][0] - start for b in buffers if b.DataLength()]
    assert len(places) > 8 and all(place % 16 == 0 for place in places)


def test_a_bias_lies_on_the_accumulators_grid(qdq):
    interpreter = raw(TARGET.lower(qdq).files[FILE])
    tensors = {one["index"]: one["quantization_parameters"] for one in interpreter.get_tensor_details()}
    layers = [one for one in interpreter._get_ops_details() if one["op_name"] == "CONV_2D"][:3]
    for layer in layers:
        x, weight, bias = (tensors[index] for index in layer["inputs"])
        assert np.array_equal(bias["scales"], x["scales"] * weight["scales"]) and not bias["zero_points"].any()
        assert len(weight["scales"]) == 8 and weight["quantized_dimension"] == 0 and not weight["zero_points"].any()


def test_the_same_model_gives_the_same_bytes(qdq):
    assert TARGET.lower(qdq).files[FILE] == TARGET.lower(qdq.clone()).files[FILE]


def test_what_it_refuses_is_a_sentence(small_net, build):
    with pytest.raises(TargetError, match="precision of target tflite 'fp61': did you mean 'fp16'"):
        TARGET.lower_float(small_net, "fp61")
    with pytest.raises(TargetError, match="LiteRT cannot open the model"):
        TARGET.open(Artefact({FILE: b"no flatbuffer at all, but long enough to look"}))
    free = build([("NonZero", ["x"], ["y"], {"name": "search"})], {"x": [1, 3, 8, 8]}, {"y": None})
    with pytest.raises(UnsupportedOperator, match="NonZero 'search' has no counterpart"):
        TARGET.lower(free)


def test_sixteen_bits_with_a_zero_point_are_refused(build):
    grid = {"scale": np.array(0.1, np.float32), "zero": np.array(0, np.uint16)}
    rows = [
        ("QuantizeLinear", ["x", "scale", "zero"], ["q"], {"name": "fine"}),
        ("DequantizeLinear", ["q", "scale", "zero"], ["y"], {}),
    ]
    with pytest.raises(
        UnsupportedOperator,
        match=r"QuantizeLinear 'fine' is not of 8 bits with one scale and a zero point, or of 16 around zero",
    ):
        TARGET.lower(build(rows, {"x": [1, 8]}, {"y": [1, 8]}, grid))


def test_a_model_too_large_for_the_format(small_net, monkeypatch):
    monkeypatch.setattr(file, "LARGEST", 1000)
    with pytest.raises(ModelError, match="larger than 2 GB"):
        TARGET.lower(small_net)


def test_without_litert_the_extra_is_named(small_net, monkeypatch):
    monkeypatch.setattr("detquant.targets.tflite.schema.find_spec", lambda _: None)
    monkeypatch.setattr("detquant.targets.tflite.target.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"detquant\[tflite\]"):
        TARGET.lower(small_net)
    with pytest.raises(MissingExtra, match=r"detquant\[tflite\]"):
        TARGET.open(Artefact({FILE: b""}))


def test_versions_of_operators():
    assert version_of("CONV_2D", codes=None, rank=4) < version_of("CONV_2D", codes="int8", rank=4) == (3, "1.14.0")
    assert version_of("TRANSPOSE", codes="int8", rank=5) == (4, "2.3.0")
    assert version_of("RESIZE_BILINEAR", codes="int8", rank=4, special="half pixel") == (3, "2.2.0")
    assert newest(["1.14.0", "2.9.0", "2.10.0"]) == "2.10.0"
