"""Files of integers only, and their decoding on the host."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from detquant.cli import main
from detquant.data import iter_images, open_dataset
from detquant.errors import TargetError, UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.running import OrtRunner
from detquant.numerics import sqnr_db
from detquant.pipeline.detector import load
from detquant.targets import load_target
from detquant.targets.ort import CAPABILITY as ORT
from detquant.targets.tflite.walk import lower

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from given_codes import as_planned
from layers import quantised

TARGET = load_target("tflite-integer")
HEADS_TOO = SimpleNamespace(capability=replace(ORT, integer_only=True))
FILE, DECODE = "model.tflite", "decode.onnx"


@pytest.fixture
def qdq(small_net, images):
    return quantised(small_net, images(), target=TARGET, ranges={"x": (0.0, 1.0)}).qdq()


def details(content):
    """Inputs, outputs and all tensors as LiteRT tells of them."""
    from ai_edge_litert.interpreter import Interpreter

    opened = Interpreter(model_content=content)
    opened.allocate_tensors()
    return opened.get_input_details(), opened.get_output_details(), opened.get_tensor_details()


def test_nothing_in_the_file_is_a_float(qdq, images):
    artefact = TARGET.lower(qdq)
    assert list(artefact.files) == [FILE, DECODE]
    (image,), (logits,), tensors = details(artefact.files[FILE])
    assert image["dtype"] is logits["dtype"] is np.int8
    assert tuple(image["shape"]) == (1, 16, 16, 3) and tuple(logits["shape"]) == (1, 16, 16, 4)
    assert {np.dtype(one["dtype"]).name for one in tensors} <= {"int8", "int32"}
    assert (image["name"], logits["name"]) == ("x", "logits")
    runner = TARGET.open(artefact)
    counts = runner.precisions()
    assert counts["CONV_2D"] == {"int8": 4} and not {"QUANTIZE", "DEQUANTIZE", "TRANSPOSE"} & counts.keys()
    found, expected = runner.run(images(1)[0]), as_planned(qdq).run(images(1)[0])
    assert list(found) == ["scores"] and found["scores"].shape == (1, 4, 16, 16)
    assert np.abs(found["scores"] - expected["scores"]).max() < 0.03 < np.ptp(expected["scores"])


def test_decoding_is_a_model_of_its_own(qdq):
    decode = onnx.load_from_string(TARGET.lower(qdq).files[DECODE])
    onnx.checker.check_model(decode, full_check=True)
    assert [one.name for one in decode.graph.input] == ["logits"]
    assert [one.name for one in decode.graph.output] == ["scores"]
    assert [node.op_type for node in decode.graph.node] == ["Sigmoid"]


def test_pixels_go_in_as_they_are(qdq):
    (image,), _, _ = details(TARGET.lower(qdq).files[FILE])
    scale, zero_point = image["quantization"]
    assert zero_point == -128 and scale == np.float32(1 / 255)
    [told] = [one for one in TARGET.remarks(TARGET.open(TARGET.lower(qdq))) if "int8 codes" in one]
    assert told == "'x' takes int8 codes, round(x / 0.0039215689) -128, NHWC."
    # What the runner makes of an image from 0 to 1 is its pixels, moved by 128.
    pixels = np.arange(256, dtype=np.float32).reshape(1, 1, 16, 16).repeat(3, axis=1)
    stored = TARGET.open(TARGET.lower(qdq))._stored("x", pixels / 255)
    assert np.array_equal(stored[0, ..., 0].reshape(-1), np.arange(256) - 128)


def test_the_same_model_gives_the_same_bytes(qdq):
    assert TARGET.lower(qdq).digest() == TARGET.lower(qdq.clone()).digest()


@pytest.mark.parametrize(
    ("model", "data", "outputs", "files"),
    [("yolov8-pico", "scenes", 6, [FILE, DECODE]), ("resnet-pico", "crops", 1, [FILE])],
)
def test_a_detector_and_a_classifier(model, data, outputs, files):
    detector = load(model)
    family = detector.family
    paths = open_dataset(data, 0).validation[:4]
    *seen, unseen = [{family.input_name: family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    ranges = {family.input_name: family.pixel_range}
    assert ranges[family.input_name] == (0.0, 1.0)
    rewritten = TARGET.rewrite(detector.model)
    artefact = TARGET.lower(quantised(rewritten, seen, target=TARGET, ranges=ranges).qdq())
    assert list(artefact.files) == files
    _, given, _ = details(artefact.files[FILE])
    assert len(given) == outputs == len({one["quantization"] for one in given})  # each on a grid of its own
    found, expected = TARGET.open(artefact).run(unseen), OrtRunner(detector.model).run(unseen)
    assert [*found] == [*expected] and all(sqnr_db(expected[name], found[name]) > 10.0 for name in found)


def test_from_the_command_line(square_model, square_data, tmp_path, capsys):
    out = tmp_path / "out"
    data = str(square_data())
    assert main(["quantize", str(square_model), "--data", data, "--target", "tflite-integer", "--out", str(out)]) == 0
    assert {one.name for one in out.iterdir()} >= {FILE, DECODE, "report.json", "report.md"}
    assert "takes int8 codes" in capsys.readouterr().out
    assert main(["export", str(square_model), "--target", "tflite-integer"]) == 2
    assert "takes no float model: what it is for computes in integers only" in capsys.readouterr().err


def test_a_float_model_is_what_it_is_compared_with(small_net, images):
    artefact = TARGET.lower(small_net)
    assert list(artefact.files) == [FILE, DECODE]
    assert details(artefact.files[FILE])[0][0]["dtype"] is np.float32
    found, expected = TARGET.open(artefact).run(images(1)[0]), OrtRunner(small_net).run(images(1)[0])
    assert np.allclose(found["scores"], expected["scores"], atol=1e-5)
    with pytest.raises(TargetError, match=r"takes no float model.*detquant quantize MODEL --data DATA --target"):
        TARGET.lower_float(small_net, "fp32")


def test_an_operator_without_integers_is_named_with_what_to_do(build, images):
    weights = {"w": np.ones((8, 3, 3, 3), np.float32), "v": np.ones((4, 8, 1, 1), np.float32)}
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "first"}),
        ("HardSwish", ["c"], ["h"], {"name": "swish"}),
        ("Conv", ["h", "v"], ["y"], {"name": "head"}),
    ]
    model = prepare(build(rows, {"x": [1, 3, 16, 16]}, {"y": None}, weights))
    with pytest.raises(
        UnsupportedOperator, match=r"HardSwish 'swish' would run in float \(.*no integer kernel.*such as"
    ):
        quantised(model, images(), target=TARGET)


def test_decoding_may_read_the_image_too(build, images):
    weights = {"w": np.ones((3, 3, 1, 1), np.float32), "v": np.ones((4, 3, 1, 1), np.float32)}
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "first"}),
        ("Conv", ["c", "v"], ["y"], {"name": "head"}),
        ("Sigmoid", ["x"], ["z"], {"name": "tail"}),
    ]
    model = prepare(build(rows, {"x": [1, 3, 16, 16]}, {"y": None, "z": None}, weights))
    qdq = quantised(model, images(), target=TARGET).qdq()
    artefact = TARGET.lower(qdq)
    found, expected = TARGET.open(artefact).run(images(1)[0]), as_planned(qdq).run(images(1)[0])
    assert [*found] == [*expected] and np.allclose(found["z"], expected["z"], atol=1e-6)


def test_what_lowering_finds_in_float_is_refused(small_net, images):
    with pytest.raises(UnsupportedOperator, match=r"input 'x' is read in float too.*integers only"):
        lower(small_net, integer=True)
    # ONNX Runtime's plan has a grid for the sigmoid that LiteRT's kernel does not write.
    network, _ = cut_decode(quantised(small_net, images(), target=HEADS_TOO).qdq())
    with pytest.raises(UnsupportedOperator, match=r"Sigmoid 'silu_gate' would run in float.*no kernel for its grids"):
        lower(prepare(network), integer=True)
