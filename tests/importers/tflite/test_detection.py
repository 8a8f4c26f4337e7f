"""SSDs that end in TFLite_Detection_PostProcess, against LiteRT, which has the operator built in."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detection_file import with_detection
from keras_nets import anchor_boxes, seeded, ssd_mobilenet_v1
from saving import quiet, tflite

from detquant.errors import ModelError, UnsupportedOperator
from detquant.families import COCO_NAMES, Detections, Family, Geometry
from detquant.families.coco_ids import COCO_IDS, HOLES
from detquant.families.nms import class_aware_nms
from detquant.families.ssd_anchors import grid_anchors
from detquant.importers import load_model
from detquant.importers.tflite.detection import find_detection
from detquant.importers.tflite.metadata import written
from detquant.pipeline.detector import Detector, load

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra tflite is not installed")

SIDE, CELLS, CLASSES = 64, 256, 5
ANCHORS = CELLS * 3


def image(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Bytes, blot by blot."""
    coarse = np.random.default_rng(seed).integers(0, 256, (1, side // 4, side // 4, 3))
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2).astype(np.uint8)


def anchors() -> np.ndarray:
    """y, x, height, width."""
    rng = np.random.default_rng(1)
    return np.concatenate([rng.uniform(0.3, 0.7, (ANCHORS, 2)), rng.uniform(0.1, 0.3, (ANCHORS, 2))], axis=1)


def network(tensorflow: Any, values: int, scales: bool = False) -> Any:
    """Codes [1, ANCHORS, 4], scores [1, ANCHORS, values]; where it scales by itself it takes pixels of 0 to 255."""
    layers = tensorflow.keras.layers
    given = tensorflow.keras.Input((SIDE, SIDE, 3), batch_size=1, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(given) if scales else given
    x = layers.Conv2D(8, 3, strides=4, padding="same", activation="relu6")(x)
    codes = layers.Reshape((-1, 4))(layers.Conv2D(12, 1)(x))
    logits = layers.Reshape((-1, values))(layers.Conv2D(3 * values, 1)(x))
    return seeded(tensorflow.keras.Model(given, [codes, layers.Activation("sigmoid")(logits)]))


@pytest.fixture
def make(tensorflow: Any, tmp_path: Path) -> Any:
    """make(values=..., images=..., **options): a file with the operator."""

    def write(
        values: int = CLASSES + 1, images: Any = None, where: Any = None, scales: bool = False, **options: Any
    ) -> Path:
        net = network(tensorflow, values, scales)
        plain = tflite(tensorflow, net, tmp_path / "plain.tflite", images, floats_out=True)
        shapes = (1, ANCHORS, 4), (1, ANCHORS, values)
        places = anchors() if where is None else where
        return with_detection(plain, tmp_path / "detect.tflite", *shapes, places, **{"num_classes": CLASSES} | options)

    return write


def run_litert(path: Path, tensor: np.ndarray) -> Detections:
    """What LiteRT detects, boxes in parts of the image."""
    with quiet():
        interpreter = litert.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    boxes, labels, scores, count = (interpreter.get_tensor(one["index"])[0] for one in interpreter.get_output_details())
    rows = slice(int(count))  # behind them may stand anything
    return Detections(boxes[rows][:, [1, 0, 3, 2]], scores[rows], labels[rows])


def heads(detector: Detector, pixels: np.ndarray) -> tuple[Family, dict[str, np.ndarray]]:
    family = detector.family
    feed, _ = family.preprocess(np.ascontiguousarray(pixels[0, ..., ::-1]))
    return family, detector.open().run({family.input_name: feed})


def decoded(detector: Detector, pixels: np.ndarray, confidence: float = 1e-6) -> Detections:
    family, outputs = heads(detector, pixels)
    return family.decode(outputs, Geometry(height=1, width=1, scale_x=family.width, scale_y=family.height), confidence)


def check(found: Detections, expected: Detections, tolerance: float = 1e-4, clip: bool = True) -> None:
    assert len(found) == len(expected) > 4
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=tolerance)
    np.testing.assert_array_equal(found.class_id, expected.class_id)
    boxes = np.clip(expected.xyxy, 0, 1) if clip else expected.xyxy
    np.testing.assert_allclose(found.xyxy, boxes, atol=tolerance)


@pytest.mark.parametrize("values", [CLASSES + 1, CLASSES])
def test_the_same_detections(values: int, make: Any) -> None:
    path = make(values, max_detections=20, nms_iou_threshold=0.3, h_scale=4.0, y_scale=8.0)
    detector = load(path)
    family = detector.family
    assert (family.name, family.num_classes, family.nms_iou, family.max_detections) == ("ssd-raw", CLASSES, 0.3, 20)
    assert family.layout.background == (0 if values > CLASSES else None)
    np.testing.assert_allclose(family.layout.variances, [1 / 10, 1 / 8, 1 / 5, 1 / 4], rtol=1e-6)
    assert "TFLite_Detection_PostProcess cut off" in detector.imported.reason
    assert [node.op_type for node in detector.model.graph].count("Conv") == 3
    for seed in range(3):
        check(decoded(detector, image(seed)), run_litert(path, image(seed).astype(np.float32) / 127.5 - 1))


def test_a_network_that_scales_its_image_is_fed_pixels(make: Any) -> None:
    path = make(scales=True)
    detector = load(path)
    assert (detector.family.form.mean, detector.family.form.std) == ((0.0,) * 3, (1.0,) * 3)
    check(decoded(detector, image()), run_litert(path, image().astype(np.float32)))


def test_fast_suppression_is_that_of_the_best_classes(make: Any) -> None:
    """LiteRT then gives an anchor one class and suppresses across classes: the same boxes, suppressed in one."""
    path = make(use_regular_nms=False, max_detections=500)
    family, outputs = heads(detector := load(path), image())
    boxes, scores = family.boxes(outputs), family.scores(outputs)
    best = scores.max(axis=1, keepdims=True)
    kept, _ = class_aware_nms(boxes, best, confidence=1e-8, iou=family.nms_iou, limit=500)
    found = Detections(boxes[kept] / SIDE, best[kept, 0], scores[kept].argmax(axis=1))
    check(found, run_litert(path, image().astype(np.float32) / 127.5 - 1), clip=False)
    assert len(decoded(detector, image())) > len(found)


def test_a_file_in_8_bits_takes_bytes(make: Any) -> None:
    images = [image(seed).astype(np.float32) / 127.5 - 1 for seed in range(4)]
    path = make(images=images)
    detector = load(path)
    assert detector.is_quantized
    np.testing.assert_allclose(detector.family.form.mean, 127.5, atol=1)
    np.testing.assert_allclose(detector.family.form.std, 127.5, rtol=0.02)
    codes = (image().astype(np.int16) - 128).astype(np.int8)
    expected, found = run_litert(path, codes), decoded(detector, image())
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=0.02)


@pytest.mark.slow
def test_ssd_mobilenet_v1_at_its_full_size(tensorflow: Any, tmp_path: Path) -> None:
    keras = tensorflow.keras
    net = ssd_mobilenet_v1(keras)
    model = keras.Model(net.inputs, [net.outputs[0], keras.layers.Activation("sigmoid")(net.outputs[1])])
    plain = tflite(tensorflow, model, tmp_path / "plain.tflite")
    places = np.concatenate(anchor_boxes(), axis=1)
    path = with_detection(plain, tmp_path / "detect.tflite", (1, 1917, 4), (1, 1917, 91), places, max_detections=100)
    names = iter(COCO_NAMES)
    labels = ["???", *("???" if number in HOLES else next(names) for number in range(1, 91))]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labelmap.txt", "\n".join(labels))
    detector = load(path)
    assert detector.family.classes == COCO_NAMES
    np.testing.assert_allclose(detector.family.layout.anchors * 300, grid_anchors(300, 300), atol=0.03)
    assert (detector.family.form.mean, detector.family.form.std) == ((0.0,) * 3, (1.0,) * 3)  # the net has its own
    pixels = image(side=300)
    _, outputs = heads(detector, pixels)
    for one, other in zip(outputs.values(), model([pixels.astype(np.float32)], training=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())
    found, expected = decoded(detector, pixels), run_litert(path, pixels.astype(np.float32))
    here = [COCO_IDS.index(label + 1) if label + 1 in COCO_IDS else -1 for label in expected.class_id]
    kept = [row for row, label in enumerate(here) if label >= 0]
    assert len(kept) > 50
    mine = {(int(label), *np.round(box, 3)) for label, box in zip(found.class_id, found.xyxy, strict=True)}
    theirs = [(here[row], *np.round(np.clip(expected.xyxy[row], 0, 1), 3)) for row in kept]
    assert np.mean([one in mine for one in theirs]) > 0.9  # to the third decimal, so some are rounded the other way


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"x_scale": 0.0}, r"scales 0.0"),
        ({"h_scale": -5.0}, r"scales 10.0, 10.0, 5.0, -5.0"),
        ({"num_classes": 9}, r"6 scores, 9 classes"),
        ({"where": np.zeros((ANCHORS, 3))}, r"anchors \[768, 3\]"),
        ({"where": np.full((ANCHORS, 4), np.nan)}, r"anchors \[768, 4\]"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], what: str, make: Any) -> None:
    with pytest.raises(ModelError, match=rf"has TFLite_Detection_PostProcess with options or anchors .*{what}"):
        load_model(make(**options))


def test_options_that_are_missing(make: Any) -> None:
    path = make()
    path.write_bytes(path.read_bytes().replace(b"nms_iou_threshold", b"nms_iou_thresh_ld"))
    with pytest.raises(ModelError, match="'nms_iou_threshold'"):
        load_model(path)


def test_the_operator_is_not_the_end(make: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import Builder

    path = make()
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    model.subgraphs[0].outputs = model.subgraphs[0].outputs[:2]
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(UnsupportedOperator, match="only taken as the end of a graph"):
        load_model(path)


def test_damaged_files(make: Any) -> None:
    path = make()
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for turn in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(8, len(damaged), 8 + turn)] = rng.integers(0, 256, 8 + turn)
        path.write_bytes(damaged.tobytes()[: len(damaged) if turn % 3 else rng.integers(40, len(damaged))])
        assert isinstance(written(path), dict)
        try:
            find_detection(path)
        except ModelError as error:
            assert "\n" not in str(error)
