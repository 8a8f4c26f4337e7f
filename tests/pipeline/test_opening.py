"""A file runs where it was written for, unless somewhere else is asked for; which it was is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detquant.cli import main
from detquant.data import open_dataset, open_scenes
from detquant.data.scenes import scene
from detquant.errors import MissingExtra, ModelError, TargetError
from detquant.pipeline.benchmark import benchmark
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.doctor import diagnose
from detquant.pipeline.evaluate import evaluate
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe

pytest.importorskip("openvino", reason="the extra openvino is not installed")
litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra tflite is not installed")

PLAIN = replace(load_recipe("w8a8"), steps=())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded detector in 8 bits, by target."""
    made, detector, scenes = {}, load("yolov8-pico"), open_scenes(calibration=4, validation=1)
    for target, name in (("tflite", "model.tflite"), ("tflite-integer", "model.tflite"), ("openvino", "model.xml")):
        folder = tmp_path_factory.mktemp(target)
        quantize(detector, scenes, recipe=PLAIN, target=target).save(folder)
        made[target] = folder / name
    return made


def feed_of(detector: Detector) -> dict[str, np.ndarray]:
    return {detector.family.input_name: detector.family.preprocess(scene("validation", 0).image)[0]}


def of_anyone(path: Path, folder: Path) -> Path:
    """The same network without anything that says who wrote it."""
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import Builder

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    model.metadata, model.signatureDefs = [], []
    builder = Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "foreign.tflite").write_bytes(bytes(builder.Output()))
    return folder / "foreign.tflite"


def run_litert(path: Path, image: np.ndarray) -> np.ndarray:
    interpreter = litert.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(taken["index"], image)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(given["index"]))


@pytest.mark.parametrize("whose", ["own", "foreign"])
def test_a_tflite_file_runs_in_litert(whose: str, files: dict[str, Path], tmp_path: Path) -> None:
    path = files["tflite"] if whose == "own" else of_anyone(files["tflite"], tmp_path)
    detector = load(path, family="yolov8")
    feed = feed_of(detector)
    opening = detector.opening()
    assert opening.target == "tflite" and "itself ran in LiteRT" in opening.notes[0]
    [found] = opening.runner.run(feed).values()
    [image] = feed.values()
    np.testing.assert_array_equal(found, run_litert(path, np.ascontiguousarray(image.transpose(0, 2, 3, 1))))
    elsewhere = detector.opening(target="ort")
    assert elsewhere.target == "ort" and "the graph that detquant reads from it" in elsewhere.notes[0]
    [other] = elsewhere.runner.run(feed).values()
    assert np.abs(other - found).max() > 0
    # Boxes of 256 pixels and scores: another rounding, not another function.
    assert np.abs(other - found).mean() < 0.5


@pytest.mark.parametrize("pixel", [np.int8, np.uint8])
def test_codes_go_in_and_come_out_on_the_grids_of_the_file(pixel: Any, tmp_path: Path) -> None:
    quantize("resnet-pico", "crops", recipe=PLAIN, target="tflite-integer", calib=4, val_limit=1).save(tmp_path)
    path = tmp_path / "model.tflite"
    if pixel is np.uint8:
        path = with_bytes(path, tmp_path)
    assert not (tmp_path / "decode.onnx").exists()
    detector = load(path, preprocess="unit")
    feed = feed_of(detector)
    interpreter = litert.Interpreter(str(path))
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = taken["quantization"]
    [image] = feed.values()
    limits = np.iinfo(taken["dtype"])
    codes = np.clip(np.rint(image.transpose(0, 2, 3, 1) / np.float32(scale)) + zero_point, limits.min, limits.max)
    expected = run_litert(path, codes.astype(taken["dtype"])).astype(np.float32)
    scale, zero_point = given["quantization"]
    [found] = detector.opening().runner.run(feed).values()
    assert taken["dtype"] is pixel and np.ptp(found) > 0
    np.testing.assert_allclose(found, (expected - zero_point) * scale, rtol=1e-6)


def with_bytes(path: Path, folder: Path) -> Path:
    """A file of anyone whose image is uint8: a QUANTIZE in front of the same network."""
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import Builder

    model = schema.ModelT.InitFromPackedBuf(of_anyone(path, folder).read_bytes(), 0)
    [graph] = model.subgraphs
    [inner] = graph.inputs
    image = schema.TensorT()
    old = graph.tensors[inner]
    image.name, image.shape, image.type, image.buffer = "bytes", old.shape, schema.TensorType.UINT8, 0
    image.quantization = schema.QuantizationParametersT()
    image.quantization.scale = old.quantization.scale
    image.quantization.zeroPoint = np.asarray(old.quantization.zeroPoint) + 128
    graph.tensors.append(image)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = int(schema.BuiltinOperator.QUANTIZE)
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs = len(model.operatorCodes) - 1, [len(graph.tensors) - 1]
    operator.outputs = [inner]
    graph.operators.insert(0, operator)
    graph.inputs = [len(graph.tensors) - 1]
    builder = Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "bytes.tflite").write_bytes(bytes(builder.Output()))
    return folder / "bytes.tflite"


def test_integers_only_run_with_the_decoding_beside_them(files: dict[str, Path]) -> None:
    detector = load(files["tflite-integer"])
    assert (files["tflite-integer"].parent / "decode.onnx").exists()
    feed, opening = feed_of(detector), detector.opening()
    [found], [expected] = opening.runner.run(feed).values(), detector.open().run(feed).values()
    assert opening.target == "tflite" and "itself ran in LiteRT" in opening.notes[0]
    assert found.shape == expected.shape and np.abs(found - expected).mean() < 0.5


def test_without_litert_it_is_said_what_ran_instead(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load(files["tflite"])
    for place in ("target", "schema"):
        monkeypatch.setattr(f"detquant.targets.tflite.{place}.find_spec", lambda name: None)
    opening = detector.opening()
    assert opening.target == "ort" and "pip install 'detquant[tflite]'" in opening.notes[0]
    assert "may see other things" in opening.notes[0]
    with pytest.raises(MissingExtra):
        detector.opening(target="tflite")


def test_a_file_that_litert_refuses_is_run_elsewhere_and_said(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detquant.targets.tflite.target import TfLite

    def refuse(*_: object) -> None:
        raise TargetError("LiteRT cannot open the model: no such operator.")

    detector = load(files["tflite"])
    monkeypatch.setattr(TfLite, "open_own", refuse)
    opening = detector.opening()
    assert opening.target == "ort" and "does not run it as it is (LiteRT cannot open" in opening.notes[0]


def test_evaluation_says_where(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    shown = ["evaluate", str(files["openvino"]), "--data", "scenes", "--val-limit", "2", "--json", str(out)]
    assert main(shown) == 0
    figures, said = json.loads(out.read_text()), capsys.readouterr().out
    assert figures["target"] == "openvino" and "itself ran in OpenVINO" in figures["notes"][0]
    assert "2 images, on openvino" in said and "itself ran in OpenVINO" in said
    assert main([*shown, "--target", "ort"]) == 0
    figures, said = json.loads(out.read_text()), capsys.readouterr().out
    assert figures["target"] == "ort" and "ort was asked for" in said


def test_each_model_of_a_benchmark_runs_where_it_belongs(files: dict[str, Path]) -> None:
    found = benchmark(["yolov8-pico", files["tflite"], files["openvino"]], runs=1)
    assert [one.opening.target for one in found] == ["ort", "tflite", "openvino"]
    assert not found[0].opening.notes and all(one.opening.notes for one in found[1:])


def test_predictions_say_where(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "scene.png"), scene("validation", 0).image)
    command = ["predict", str(files["tflite"]), str(tmp_path / "scene.png"), "--out", str(tmp_path / "out")]
    assert main([*command, "--json", str(tmp_path / "found.json")]) == 0
    assert "itself ran in LiteRT" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["target"] == "tflite"


def test_an_ir_with_its_preprocessing_inside_runs_as_it_is(tmp_path: Path) -> None:
    import openvino
    from openvino.preprocess import PrePostProcessor

    from detquant.graph.running import as_bytes

    model = openvino.Core().read_model(as_bytes(load("yolov8-pico").model))
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    openvino.save_model(steps.build(), tmp_path / "inside.xml", compress_to_fp16=False)
    detector = load(tmp_path / "inside.xml", family="yolov8")
    pixels = np.ascontiguousarray(scene("validation", 0).image.transpose(2, 0, 1)[None])
    shape = tuple(detector.imported.model.graph.inputs[0].shape or ())
    pixels = pixels[:, :, :256, :256].reshape(shape) if pixels.shape != shape else pixels
    feed = {detector.family.input_name: pixels.astype(np.float32)}
    opening = detector.opening()
    [found], [expected] = opening.runner.run(feed).values(), detector.open().run(feed).values()
    assert opening.target == "openvino"
    np.testing.assert_allclose(found, expected, atol=2e-2)


def by_channel(folder: Path) -> Path:
    """An IR in whose middle two maps are added on grids with a scale for each channel."""
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([1, 3, 32, 32], np.float32, name="image")
    wide = [
        np.full((1, 3, 1, 1), value, np.float32) * np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)
        for value in (-1.28, 1.27)
    ]
    rounded = ops.fake_quantize(image, *wide, *wide, 256)
    other = ops.fake_quantize(ops.relu(image), *wide, *wide, 256)
    total = ops.fake_quantize(ops.add(rounded, other), *wide, *wide, 256)
    mean = ops.reduce_mean(total, np.array([2, 3]), False)
    weight = ops.constant(np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32))
    result = ops.softmax(ops.matmul(mean, weight, False, False), 1)
    openvino.save_model(openvino.Model([result], [image]), folder / "channels.xml", compress_to_fp16=False)
    return folder / "channels.xml"


def test_grids_by_channel_run_in_openvino_and_are_named_where_they_cannot(tmp_path: Path) -> None:
    detector = load(by_channel(tmp_path), preprocess="unit")
    feed = {detector.family.input_name: np.random.default_rng(1).standard_normal((1, 3, 32, 32)).astype(np.float32)}
    [found] = detector.opening().runner.run(feed).values()
    assert found.shape == (1, 7) and np.ptp(found) > 0
    with pytest.raises(ModelError, match=r"a grid for each channel .* leave out --target"):
        detector.open()


@pytest.mark.parametrize("target", ["openvino", "tflite"])
def test_the_doctor_looks_at_a_file_where_it_runs(files: dict[str, Path], target: str) -> None:
    found = diagnose(load(files[target]), open_dataset("scenes"), images=4)
    assert found["target"] == target and found["sound"]
    [said] = found["notes"]
    assert said.startswith("The file itself ran in ")


def test_the_same_in_an_onnx_file_has_another_way(build: Any, tmp_path: Path) -> None:
    import onnx_ir as ir

    grid, rounded = ["scales", "zeros"], {"axis": 1}
    rows = [
        ("QuantizeLinear", ["x", *grid], ["xq"], rounded),
        ("DequantizeLinear", ["xq", *grid], ["xr"], rounded),
        ("Add", ["xr", "xr"], ["a"], {}),
        ("QuantizeLinear", ["a", *grid], ["aq"], rounded),
        ("DequantizeLinear", ["aq", *grid], ["ar"], rounded),
        ("GlobalAveragePool", ["ar"], ["p"], {}),
        ("Flatten", ["p"], ["f"], {}),
        ("Softmax", ["f"], ["y"], {}),
    ]
    stored = {"scales": np.array([0.1, 0.2, 0.3], np.float32), "zeros": np.array([1, 2, 3], np.uint8)}
    ir.save(build(rows, {"x": [1, 3, 32, 32]}, {"y": [1, 3]}, stored), tmp_path / "channels.onnx")
    detector = load(tmp_path / "channels.onnx", family="classifier", preprocess="unit")
    with pytest.raises(ModelError, match=r"a grid for each channel .* choose --target openvino"):
        detector.opening()
    [found] = detector.open(target="openvino").run({"x": np.ones((1, 3, 32, 32), np.float32)}).values()
    assert found.shape == (1, 3)


def test_an_onnx_file_runs_in_onnx_runtime(square_model: Path, square_data: Any) -> None:
    found = evaluate(load(square_model), open_dataset(square_data()))
    assert found.target == "ort" and not any("itself" in note for note in found.notes)
