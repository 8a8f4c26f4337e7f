"""Frozen graphs and SavedModels, compared with TensorFlow's own execution of the nets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from keras_nets import ANCHORS, CLASSES, detections, small, ssd_mobilenet_v1, yolov4
from saving import frozen, saved_model

from detquant.data.scenes import scene
from detquant.errors import ModelError
from detquant.graph import find_decode_tail, prepare
from detquant.graph.activations import find_activations
from detquant.importers import load_model
from detquant.pipeline.detector import load
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target


def image(side: int, seed: int = 0) -> np.ndarray:
    """Blots of colour, 0 to 255."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (1, side // 10 + 1, side // 10 + 1, 3))
    return np.repeat(np.repeat(coarse, 10, axis=1), 10, axis=2)[:, :side, :side].astype(np.float32)


def run(model: Any, images: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(one) for one in model(images, training=False)]


@pytest.fixture(scope="module")
def ssd(tensorflow: Any) -> Any:
    return ssd_mobilenet_v1(tensorflow.keras)


@pytest.mark.parametrize("kind", ["frozen", "saved"])
def test_a_small_net_of_many_layers(kind, tensorflow, tmp_path, compare) -> None:
    model = small(tensorflow.keras)
    call, shape = (lambda x: model(x, training=False)), (1, 64, 64, 3)
    if kind == "frozen":
        path = frozen(tensorflow, call, shape, tmp_path / "small.pb")
    else:
        path = saved_model(
            tensorflow, model, lambda x: dict(zip("ab", call(x), strict=True)), shape, tmp_path / "small"
        )
    imported = compare(path, image(64), run(model, image(64)))
    assert [value.name for value in imported.model.graph.inputs] == ["image"]
    names = ["Identity", "Identity_1"] if kind == "frozen" else ["a", "b"]
    assert [value.name for value in imported.model.graph.outputs] == names
    operators = [node.op_type for node in imported.model.graph]
    assert "BatchNormalization" not in operators
    first_conv = operators.index("Conv")
    assert operators[:first_conv] == ["Mul", "Add"]  # the image goes in with channels first, and nothing is turned


@pytest.mark.slow
def test_ssd_mobilenet_v1_frozen(tensorflow, tmp_path, compare) -> None:
    model = ssd_mobilenet_v1(tensorflow.keras, maps=True)
    path = frozen(tensorflow, lambda x: model(x, training=False), (1, 300, 300, 3), tmp_path / "ssd.pb")
    expected = run(model, image(300))
    assert [one.shape for one in expected[:2]] == [(1, ANCHORS, 4), (1, ANCHORS, CLASSES)]
    compare(path, image(300), expected)


@pytest.mark.slow
def test_ssd_mobilenet_v1_as_saved_model(tensorflow, ssd, tmp_path, compare) -> None:
    names = ("raw_boxes", "raw_scores")
    path = saved_model(
        tensorflow,
        ssd,
        lambda x: dict(zip(names, ssd(x, training=False), strict=True)),
        (1, 300, 300, 3),
        tmp_path / "ssd",
    )
    imported = compare(path, image(300), run(ssd, image(300)))
    assert [value.name for value in imported.model.graph.outputs] == list(names)
    files = [path / "saved_model.pb", *sorted((path / "variables").glob("variables.*"))]
    content = b"".join(file.read_bytes() for file in files)
    assert imported.sha256 == hashlib.sha256(content).hexdigest()
    assert imported.size_bytes == len(content)
    assert load_model(path / "saved_model.pb").sha256 == imported.sha256
    prepared = prepare(imported.model)
    convolutions = [node for node in prepared.graph if node.op_type == "Conv"]
    assert len(convolutions) == 1 + 2 * 13 + 2 * 4 + 12
    assert all(len(node.inputs) == 3 for node in convolutions)  # BatchNorm and biases are in them
    assert {node.op_type for node in prepared.graph} == {
        *("Mul", "Add", "Conv", "Clip", "Transpose", "Reshape", "Concat")
    }
    detector = load(path)
    assert detector.family.name == "ssd-mobilenet" and detector.family.num_classes == 80
    (tmp_path / "pictures").mkdir()
    for index in range(4):
        cv2.imwrite(str(tmp_path / f"pictures/{index}.png"), scene("train", index).image)
    result = quantize(detector, tmp_path / "pictures", calib=4)
    assert result.report.figures()["images"] == 4 and result.report.figures()["int8"]["macs_percent"] > 0
    result.save(tmp_path / "out")
    assert load(tmp_path / "out/model.onnx").family.name == "ssd-mobilenet"


@pytest.mark.parametrize("kind", ["frozen", pytest.param("saved", marks=pytest.mark.slow)])
def test_ssd_mobilenet_v1_with_its_detections(kind, tensorflow, ssd, tmp_path, compare) -> None:
    detect = detections(tensorflow, ssd)
    if kind == "frozen":
        path = frozen(tensorflow, detect, (1, 300, 300, 3), tmp_path / "ssd.pb")
    else:
        path = saved_model(tensorflow, ssd, detect, (1, 300, 300, 3), tmp_path / "ssd")
    expected = {name: np.asarray(one) for name, one in detect(image(300)).items()}
    order = (
        "detection_boxes",
        "detection_classes",
        "detection_scores",
        "num_detections",
    )  # by name, as TensorFlow has it
    imported = compare(path, image(300), [expected[name] for name in order])
    assert 10 < int(expected["num_detections"][0]) <= 100
    if kind == "saved":
        assert [value.name for value in imported.model.graph.outputs] == list(order)
    prepared = prepare(imported.model)
    tail = find_decode_tail(prepared.graph)
    behind = [node for node in prepared.graph if node.op_type in ("NonMaxSuppression", "TopK", "GatherND", "Exp")]
    assert len(behind) >= 5
    assert all(node in tail.nodes for node in behind)
    assert len(tail.head_convs) == 12
    decided = plan(prepared, load_recipe("w8a8"), load_target("ort").capability)
    assert all(decided.kept_float[node.name or ""] == "decode tail" for node in behind)
    detector = load(path)
    assert detector.family.name == "ssd-postprocessed" and detector.family.num_classes == 80
    feed, geometry = detector.family.preprocess(scene("train", 0).image)
    assert len(detector.family.decode(detector.open().run({detector.family.input_name: feed}), geometry)) <= 100


def test_yolov4_with_a_quarter_of_its_channels(tensorflow, tmp_path, compare) -> None:
    model = yolov4(tensorflow.keras, 96, 0.125)
    path = frozen(tensorflow, lambda x: model(x, training=False), (1, 96, 96, 3), tmp_path / "yolov4.pb")
    imported = compare(path, image(96) / 255, run(model, image(96) / 255), 1e-3)
    prepared = prepare(imported.model)
    assert [tuple(value.shape or ()) for value in prepared.graph.outputs] == [(1, n, n, 255) for n in (12, 6, 3)]
    assert sum(one.kind == "mish" for one in find_activations(prepared.graph).values()) == 72
    kinds = [node.op_type for node in prepared.graph]
    assert kinds.count("Conv") == 110
    assert kinds.count("Resize") == 2
    assert "Tile" not in kinds
    assert load(path).family.name == "yolov4"


@pytest.mark.slow
def test_yolov4_at_its_full_size(tensorflow, tmp_path, compare) -> None:
    model = yolov4(tensorflow.keras, 608)
    path = frozen(tensorflow, lambda x: model(x, training=False), (1, 608, 608, 3), tmp_path / "yolov4.pb")
    expected = run(model, image(608) / 255)
    assert [one.shape for one in expected] == [(1, n, n, 255) for n in (76, 38, 19)]
    compare(path, image(608) / 255, expected, 1e-3)


def test_an_open_batch_and_size(tensorflow, tmp_path, compare) -> None:
    model = small(tensorflow.keras, None, None)
    call, shape = (lambda x: model(x, training=False)), (None, None, None, 3)
    path = frozen(tensorflow, call, shape, tmp_path / "small.pb")
    compare(path, image(48), run(model, image(48)), imgsz=48)
    with pytest.raises(ModelError, match="pass --imgsz"):
        load_model(path)
    (tmp_path / "metadata.yaml").write_text("imgsz: [32, 64]\nnames: {0: cat}\n")
    imported = load_model(path)
    assert tuple(imported.model.graph.inputs[0].shape or ()) == (1, 3, 32, 64)
    assert imported.metadata == {"imgsz": "[32, 64]", "names": "{0: 'cat'}"}


def test_a_size_that_is_not_the_graphs(tensorflow, tmp_path) -> None:
    model = small(tensorflow.keras)
    path = frozen(tensorflow, lambda x: model(x, training=False), (1, 64, 64, 3), tmp_path / "small.pb")
    with pytest.raises(ModelError, match=r"fixed to 64x64 .* 96x96 was asked for"):
        load_model(path, 96)


def test_what_stands_in_front_of_the_net(tensorflow, tmp_path, compare) -> None:
    """Bytes, turned to BGR, minus a mean, resized: the Object Detection API's preprocessing, and Caffe's."""
    tf, model = tensorflow, small(tensorflow.keras)

    def call(x: Any) -> Any:
        x = tf.cast(tf.cast(x, tf.uint8), tf.float32)[..., ::-1] - tf.constant([103.9, 116.8, 123.7])
        return model(tf.image.resize(x, (64, 64)), training=False)

    path = frozen(tf, call, (1, 96, 80, 3), tmp_path / "small.pb")
    images = np.rint(image(96)[:, :, :80])
    imported = compare(path, images, [np.asarray(one) for one in call(images)], 1e-3)
    kinds = [node.op_type for node in imported.model.graph]
    assert "Transpose" not in kinds[: kinds.index("Conv")]


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("clip", [False, True])
def test_combined_non_max_suppression(per_class, clip, tensorflow, tmp_path, compare) -> None:
    tf, rng = tensorflow, np.random.default_rng(0)
    corner = rng.uniform(-0.2, 0.8, (1, 16, 4 if per_class else 1, 2)).astype(np.float32)
    boxes = tf.constant(np.concatenate([corner, corner + 0.3], axis=-1))

    def call(x: Any) -> Any:
        scores = tf.sigmoid(tf.reshape(x[:, :4, :4, :], (1, 16, 3)) / 100)
        scores = tf.concat([scores, scores[..., :1] * 0.9], axis=-1)
        shifted = boxes + tf.reduce_mean(x) * 0.001
        return tf.image.combined_non_max_suppression(shifted, scores, 5, 30, 0.4, 0.6, clip_boxes=clip)

    path = frozen(tf, call, (1, 32, 32, 3), tmp_path / "nms.pb")
    images = rng.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    expected = [np.asarray(one) for one in call(images)]
    assert 3 < int(expected[3][0]) < 30
    compare(path, images, expected)


def test_non_max_suppression_of_one_class(tensorflow, tmp_path, compare) -> None:
    tf, rng = tensorflow, np.random.default_rng(0)
    corner = rng.uniform(0, 0.8, (40, 2)).astype(np.float32)
    boxes = tf.constant(np.concatenate([corner, corner + 0.3], axis=-1))

    def call(x: Any) -> Any:
        kept = tf.image.non_max_suppression(boxes, tf.reshape(x, (-1,))[:40] / 255, 12, 0.5, 0.2)
        return tf.gather(boxes + tf.reduce_mean(x) * 0.001, kept)

    path = frozen(tf, call, (1, 32, 32, 3), tmp_path / "nms.pb")
    images = rng.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    compare(path, images, [np.asarray(call(images))])


def test_the_same_file_gives_the_same_names(tensorflow, tmp_path) -> None:
    model = small(tensorflow.keras)
    path = frozen(tensorflow, lambda x: model(x, training=False), (1, 64, 64, 3), tmp_path / "small.pb")
    once, again = ([value.name for node in load_model(path).model.graph for value in node.outputs] for _ in range(2))
    assert once == again


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder: expected a model file in it"):
        load_model(tmp_path)
