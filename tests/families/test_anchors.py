"""Raw maps of anchors: where the anchors are found, how many there must be, and how boxes follow from them."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.families import Family, Signature, find_family
from detquant.families.anchors import KEY, KNOWN, anchors_entry
from detquant.graph.anchors import find_anchors

HEIGHT, WIDTH, CLASSES = 64, 96, 3
IMAGE = {"images": (1, 3, HEIGHT, WIDTH)}
VALUES = 5 + CLASSES
APART = {f"m{n}": (1, 3, HEIGHT // n, WIDTH // n, VALUES) for n in (8, 16, 32)}
PLAIN = {f"m{n}": (1, 3 * VALUES, HEIGHT // n, WIDTH // n) for n in (8, 16, 32)}
NAMES = {"names": "['a', 'b', 'c']"}
TOLD = {**NAMES, **anchors_entry("yolov5")}


def family_of(outputs: dict, metadata: dict, name: str = "auto", **more: object) -> Family:
    return find_family(Signature(IMAGE, outputs, metadata, **more), name)[0]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def as_yolov5(outputs: dict[str, np.ndarray]) -> tuple[list, list]:
    """Boxes and scores of [1, 3, rows, columns, values], one after the other, as YOLOv5's Detect computes them."""
    boxes, scores, anchors = [], [], np.reshape(KNOWN["yolov5"], (3, 3, 2))
    for level, (name, stride) in enumerate((("m8", 8), ("m16", 16), ("m32", 32))):
        _, _, rows, columns, _ = outputs[name].shape
        for anchor, row, column in np.ndindex(3, rows, columns):
            t = [sigmoid(one) for one in outputs[name][0, anchor, row, column].astype(float)]
            x, y = (t[0] * 2 - 0.5 + column) * stride, (t[1] * 2 - 0.5 + row) * stride
            w, h = ((2 * t[2 + side]) ** 2 * anchors[level, anchor, side] for side in (0, 1))
            boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
            scores.append([t[4] * one for one in t[5:]])
    return boxes, scores


@pytest.mark.parametrize("kind", ["apart", "plain", "sigmoid", "channels last"])
def test_boxes_follow_yolov5(kind: str) -> None:
    rng = np.random.default_rng(3)
    apart = {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in APART.items()}
    boxes, scores = as_yolov5(apart)
    plain = {name: one.transpose(0, 1, 4, 2, 3).reshape(PLAIN[name]) for name, one in apart.items()}
    outputs = {
        "apart": apart,
        "plain": plain,
        "sigmoid": {name: 1 / (1 + np.exp(-one)) for name, one in plain.items()},
        "channels last": {name: one.transpose(0, 2, 3, 1) for name, one in plain.items()},
    }[kind]
    shapes = {name: one.shape for name, one in outputs.items()}
    name = "yolov5-maps" if kind == "channels last" else "auto"
    family = family_of(shapes, TOLD, name, sample=lambda: outputs)
    assert (family.name, family.num_classes) == ("yolov5-maps", CLASSES)
    assert family.reading["scores"] == ("chances" if kind == "sigmoid" else "logits")
    np.testing.assert_allclose(family.boxes(outputs), boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(family.scores(outputs), scores, rtol=1e-4, atol=1e-6)
    again = family_of(shapes, {**NAMES, "detquant.family": "yolov5-maps", **family.written()})
    np.testing.assert_array_equal(again.boxes(outputs), family.boxes(outputs))


FLAT = [float(one) for one in KNOWN["yolov7"]]


@pytest.mark.parametrize(
    ("metadata", "weights"),
    [
        ({KEY: '"yolov7"'}, ()),
        ({KEY: json.dumps(FLAT)}, ()),
        ({"anchors": str(np.reshape(FLAT, (3, 6)).tolist())}, ()),
        ({"anchors": str(np.reshape(FLAT, (3, 3, 2))[::-1].tolist())}, ()),
        ({}, tuple(zip(FLAT[::2], FLAT[1::2], strict=True))),
    ],
)
def test_where_anchors_are_told(metadata: dict, weights: tuple) -> None:
    family = family_of(APART, metadata | NAMES, anchors=weights)
    told = [pair for head in json.loads(family.facts()["detquant.yolo"])["heads"] for pair in head["anchors"]]
    assert np.ravel(told).tolist() == FLAT


@pytest.mark.parametrize(
    ("outputs", "metadata", "words"),
    [
        (
            APART,
            NAMES,
            "3 raw maps of 3 anchors a cell, which need 9 anchors, and the file .*--anchors yolov5 or yolov7",
        ),
        (PLAIN, NAMES, "need 9 anchors, and the file does not tell them"),
        (APART, NAMES | anchors_entry("10,13,16,30"), "need 9 anchors, but 2 are given"),
        (APART, NAMES | anchors_entry("yolov5-p6"), "need 9 anchors, but 12 are given"),
        (APART, NAMES | {KEY: '"nothing"'}, "has no anchors 'nothing'"),
        (APART, NAMES | {KEY: "[1, 2, 3]"}, "is no list of anchors"),
    ],
)
def test_wrong_anchors_are_a_sentence(outputs: dict, metadata: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        family_of(outputs, metadata)


@pytest.mark.parametrize("text", ["yolo5", "a b", "1,2,3", "0,1", "1,-2", "nan,1", "inf,1", ""])
def test_what_a_user_cannot_mean(text: str) -> None:
    with pytest.raises(ModelError, match="--anchors"):
        anchors_entry(text)


def test_yolov4_takes_them_too() -> None:
    family = family_of(PLAIN, TOLD, "yolov4")
    head = json.loads(family.facts()["detquant.yolo"])["heads"][0]
    assert "sizes" not in head and head["scale_x_y"] == 1.0


@pytest.mark.parametrize(
    ("channels", "metadata", "sample", "name"),
    [
        (24, NAMES, None, "asked"),
        (8, NAMES, None, "yolov8-maps"),
        (255, {}, None, "asked"),
        (85, {}, None, "yolov8-maps"),
        (24, {}, "best", "yolov8-maps"),
        (24, {}, "other", "asked"),
    ],
)
def test_maps_of_anchors_and_of_yolov8(channels: int, metadata: dict, sample: str | None, name: str) -> None:
    shapes = {f"m{n}": (1, channels, HEIGHT // n, WIDTH // n) for n in (8, 16, 32)}
    rng = np.random.default_rng(0)
    outputs = {key: rng.uniform(0, 1, shape).astype(np.float32) for key, shape in shapes.items()}
    if sample == "best":
        for one in outputs.values():
            one[:, 4] = one[:, 5:].max(axis=1)
    signature = Signature(IMAGE, shapes, metadata, sample=(lambda: outputs) if sample else None)
    if name == "asked":
        with pytest.raises(ModelError, match="say --anchors"):
            find_family(signature)
    else:
        assert find_family(signature)[0].name == name


@pytest.mark.parametrize(
    ("name", "shape", "factor"),
    [
        ("model.24.anchor_grid", (3, 1, 3, 1, 1, 2), None),
        ("model.24.anchors", (3, 3, 2), (8, 16, 32)),
        ("x", (3, 3, 2), 0),
    ],
)
def test_anchors_among_the_weights(name: str, shape: tuple, factor: tuple | int | None) -> None:
    pixels = np.reshape(KNOWN["yolov5"], (3, 3, 2)).astype(np.float32)
    stored = pixels if not factor else pixels / np.reshape(factor, (3, 1, 1))
    value = ir.Value(name=name, const_value=ir.tensor(stored.reshape(shape).astype(np.float32)))
    value.shape = ir.Shape(shape)
    graph = ir.Graph([], [], nodes=[], initializers=[value])
    found = find_anchors(graph)
    assert found == (() if factor == 0 else tuple(map(tuple, pixels.reshape(-1, 2).tolist())))


def test_maps_of_a_yolov8_are_not_taken_for_anchors_without_a_hint() -> None:
    """64 numbers of distances and one for each class: the anchors that a sentence asks for are not all it says."""
    for channels, hint in ((64 + 80, True), (3 * 85, False)):
        outputs = {f"m{n}": (1, channels, 640 // n, 640 // n) for n in (8, 16, 32)}
        values = {name: np.random.default_rng(0).normal(size=shape) for name, shape in outputs.items()}
        signature = Signature({"i": (1, 3, 640, 640)}, outputs, sample=lambda values=values: values)
        with pytest.raises(ModelError, match="need 9 anchors") as caught:
            find_family(signature)
        assert ("export that with its boxes decoded" in str(caught.value)) == hint
