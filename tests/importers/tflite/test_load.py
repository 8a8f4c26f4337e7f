"""TFLite files, compared with LiteRT's own execution."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from keras_nets import small, ssd_mobilenet_v1, yolov4
from saving import quiet, tflite

from detquant.errors import ModelError
from detquant.graph import OrtRunner
from detquant.importers import load_model
from detquant.importers.tflite.metadata import appended
from detquant.importers.tflite.verifying import verify
from detquant.pipeline.detector import load

PEERS = Path(__file__).resolve().parents[4] / "shared" / "assets" / "weights" / "detect" / "peers"


def image(side: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0, 255, (1, side // 10 + 1, side // 10 + 1, 3))
    return np.repeat(np.repeat(coarse, 10, axis=1), 10, axis=2)[:, :side, :side].astype(np.float32)


def run_litert(path: Path, images: np.ndarray) -> list[np.ndarray]:
    """LiteRT's outputs, in the order of the file; of quantised files, in numbers."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra tflite is not installed")
    with quiet():
        interpreter = litert.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    [given] = interpreter.get_input_details()
    scale, zero_point = given["quantization"]
    if scale:
        limits = np.iinfo(given["dtype"])
        images = np.clip(np.rint(images / scale) + zero_point, limits.min, limits.max)
    interpreter.set_tensor(given["index"], images.astype(given["dtype"]))
    interpreter.invoke()
    found = []
    for details in interpreter.get_output_details():
        scale, zero_point = details["quantization"]
        array = interpreter.get_tensor(details["index"])
        found.append((array.astype(np.float32) - zero_point) * scale if scale else array)
    return found


def test_a_small_net_of_many_layers(tensorflow, tmp_path, compare) -> None:
    model = small(tensorflow.keras)
    path = tflite(tensorflow, model, tmp_path / "small.tflite")
    expected = run_litert(path, image(64))
    imported = compare(path, image(64), expected, 3e-4)
    assert imported.model.graph.inputs[0].name == "serving_default_image"
    for one, other in zip(sorted(expected, key=np.size), sorted(model(image(64)), key=np.size), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.slow
def test_ssd_mobilenet_v1(tensorflow, tmp_path, compare) -> None:
    path = tflite(tensorflow, ssd_mobilenet_v1(tensorflow.keras, maps=True), tmp_path / "ssd.tflite")
    expected = run_litert(path, image(300))
    assert {(1, 1917, 4), (1, 1917, 91)} <= {one.shape for one in expected}
    compare(path, image(300), expected)


@pytest.mark.slow
def test_yolov4(tensorflow, tmp_path, compare) -> None:
    path = tflite(tensorflow, yolov4(tensorflow.keras, 96, 0.125), tmp_path / "yolov4.tflite")
    compare(path, image(96) / 255, run_litert(path, image(96) / 255), 1e-3)


def test_a_file_in_8_bits(tensorflow, tmp_path) -> None:
    """Within two steps of the outputs' grids: what lies between two grids is float here, integers in LiteRT."""
    keras = tensorflow.keras
    x = given = keras.Input((48, 48, 3), batch_size=1, name="image")
    for filters, stride in ((8, 2), (16, 2), (16, 1)):
        x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", activation="relu6")(x)
        x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    outputs = [keras.layers.Conv2D(6, 1)(x), keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x))]
    images = [image(48, seed) / 255 for seed in range(8)]
    path = tflite(tensorflow, keras.Model(given, outputs), tmp_path / "int8.tflite", images)
    imported = load_model(path)
    graph = imported.model.graph
    assert [value.dtype for value in (*graph.inputs, *graph.outputs)] == [ir.DataType.FLOAT] * 3
    found = OrtRunner(imported.model, optimisation="none").run(
        {graph.inputs[0].name or "": images[0].transpose(0, 3, 1, 2)}
    )
    for one, other in zip(found.values(), run_litert(path, images[0]), strict=True):
        step = np.diff(np.unique(other)).min()
        assert np.abs(one - other).max() <= 2 * step + 1e-6
        assert np.abs(one - other).mean() <= 0.5 * step


def with_archive(path: Path, **entries: str) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("__", "."), text)
    path.write_bytes(path.read_bytes() + content.getvalue())
    return path


@pytest.fixture
def relative_boxes(tensorflow, tmp_path) -> Path:
    """A detector of 96x96 that gives [1, 4 + 2, 189] as Ultralytics writes it: boxes of 0 to 1."""
    keras = tensorflow.keras
    given = keras.Input((96, 96, 3), batch_size=1, name="images")
    x = keras.layers.Conv2D(6, 8, strides=8, activation="sigmoid")(given)
    x = keras.layers.Reshape((144, 6))(x)
    x = keras.layers.Concatenate(axis=1)([x, keras.layers.Cropping1D((0, 99))(x)])
    return tflite(tensorflow, keras.Model(given, keras.layers.Permute((2, 1))(x)), tmp_path / "yolo.tflite")


@pytest.mark.parametrize("form", ["json", "literal"])
def test_ultralytics_metadata_and_boxes(form, relative_boxes) -> None:
    plain = run_litert(relative_boxes, image(96) / 255)[0]
    facts = {"author": "Ultralytics", "task": "detect", "stride": 32, "imgsz": [96, 96], "names": {0: "cat", 1: "dog"}}
    if form == "json":
        facts["names"] = {"0": "cat", "1": "dog"}
        path = with_archive(relative_boxes, metadata__json=json.dumps(facts))
    else:
        path = with_archive(relative_boxes, temp_meta__txt=str(facts))
    detector = load(path)
    assert (detector.family.name, detector.imported.metadata["stride"]) == ("yolov8", "32")
    assert detector.family.classes == ("cat", "dog")
    feeds = {detector.family.input_name: (image(96) / 255).transpose(0, 3, 1, 2)}
    [found] = OrtRunner(detector.imported.model).run(feeds).values()
    np.testing.assert_allclose(found[:, :4], 96 * plain[:, :4], rtol=1e-4)
    np.testing.assert_allclose(found[:, 4:], plain[:, 4:], rtol=1e-4)


@pytest.mark.parametrize("labels", ["cat\ndog\n", "???\ncat\n???\ndog"])
def test_labels_of_the_task_library(labels, relative_boxes) -> None:
    path = with_archive(relative_boxes, labelmap__txt=labels)
    assert appended(path) == {"detquant.classes": '["cat", "dog"]'}
    assert load(path).family.classes == ("cat", "dog")


@pytest.mark.parametrize("text", ["{'names': __import__('os')}", "[" * 100_000, "{1: 2", "\x00", "7"])
def test_metadata_that_makes_no_sense(text, tmp_path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"")
    assert appended(with_archive(path, temp_meta__txt=text)) == {}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.95, 0.999])
def test_a_file_cut_short(share, relative_boxes) -> None:
    content = relative_boxes.read_bytes()
    relative_boxes.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ModelError, match=r"is not a TFLite model but|cannot be read as a TFLite model: .*\.$"
    ) as caught:
        load_model(relative_boxes)
    assert "\n" not in str(caught.value)


def test_bytes_turned_over(relative_boxes) -> None:
    content = relative_boxes.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(30):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(8, min(4000, len(damaged)), 5)] = rng.integers(0, 256, 5)
        relative_boxes.write_bytes(damaged.tobytes())
        try:
            load_model(relative_boxes)
        except ModelError as error:
            assert "\n" not in str(error)


def test_text_with_the_name(tmp_path) -> None:
    path = tmp_path / "net.tflite"
    path.write_text("hello " * 100)
    with pytest.raises(ModelError, match="is not a TFLite model but another kind of file"):
        load_model(path)


@pytest.mark.skipif(not PEERS.is_dir(), reason="../shared/assets with real detectors is absent")
@pytest.mark.parametrize(
    ("name", "family"), [("yolov8n_full_integer_quant_640", "yolov8"), ("yolox_nano_int8_quantize", "yolox")]
)
def test_real_detectors(name: str, family: str, tensorflow: Any) -> None:
    detector = load(PEERS / f"{name}.tflite")
    assert detector.family.name == family
    assert detector.family.classes[:2] == ("person", "bicycle")
    assert detector.is_quantized


def test_a_bit_that_has_flipped_anywhere_is_a_model_or_a_sentence(relative_boxes) -> None:
    """OpenVINO follows offsets unasked: a wrong one would end the process, so they are followed here first."""
    content = relative_boxes.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place : place + 4] = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1])).to_bytes(4, "little")
        with contextlib.suppress(ModelError):
            verify(relative_boxes, bytes(damaged))


@pytest.mark.parametrize(
    ("place", "number", "words"),
    [(0, 2**31, "an offset leads outside"), (0, 4, "a table reaches beyond|leads outside|lies outside")],
)
def test_an_offset_that_leads_nowhere_is_named(relative_boxes, place, number, words) -> None:
    content = bytearray(relative_boxes.read_bytes())
    content[place : place + 4] = number.to_bytes(4, "little")
    relative_boxes.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        load_model(relative_boxes)
