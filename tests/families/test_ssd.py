"""SSD's anchors against the published configurations, its decoding against loops, and what tells its forms apart."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import COCO_NAMES, Family, Signature, find_family
from detquant.families.coco_ids import COCO_IDS
from detquant.families.ssd_anchors import count_grid_anchors, default_boxes, grid_anchors
from detquant.families.ssd_heads import head_rows

INPUT = {"image": (1, 3, 300, 300)}
TF = {"boxes": (1, 1917, 4), "classes": (1, 1917, 91)}
NVIDIA = {"locs": (1, 4, 8732), "confs": (1, 81, 8732)}
DONE = {"detection_boxes": (1, 9, 4), "detection_classes": (1, 9), "detection_scores": (1, 9), "num_detections": (1,)}
TFLITE = dict(zip(["p", "p:1", "p:2", "p:3"], DONE.values(), strict=True))
SQUARE = np.full((300, 300, 3), (10, 20, 30), np.uint8)
CAT, TOOTHBRUSH = 15, 79  # COCO ids 17 and 90


def family_of(outputs: dict, metadata: dict | None = None, ends: dict | None = None, **changes: tuple) -> Family:
    return find_family(Signature(INPUT, outputs | changes, metadata or {}, ends or {}))[0]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def tf_anchors(height: int, width: int) -> list[tuple[float, ...]]:
    """ymin, xmin, ymax, xmax in parts of the image; ssd_mobilenet_v1_coco.config read by hand, one anchor at a time."""
    shorter = min(height, width)
    scales = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0]
    anchors = []
    rows, columns = math.ceil(height / 16), math.ceil(width / 16)
    for layer in range(6):
        scale, above = scales[layer], scales[layer + 1]
        specs = [(scale, 1.0), (scale, 2.0), (scale, 0.5), (scale, 3.0), (scale, 0.3333), (math.sqrt(scale * above), 1)]
        for row in range(rows):
            for column in range(columns):
                for size, ratio in specs if layer else [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]:
                    h, w = size / math.sqrt(ratio) * shorter / height, size * math.sqrt(ratio) * shorter / width
                    y, x = (row + 0.5) / rows, (column + 0.5) / columns
                    anchors.append((y - h / 2, x - w / 2, y + h / 2, x + w / 2))
        rows, columns = math.ceil(rows / 2), math.ceil(columns / 2)
    return anchors


def nvidia_boxes() -> list[tuple[float, ...]]:
    """cx, cy, w, h in parts of the image, one default box at a time."""
    boxes = []
    for layer, cells in enumerate([38, 19, 10, 5, 3, 1]):
        step = [8, 16, 32, 64, 100, 300][layer]
        small, next_one = (one / 300 for one in [21, 45, 99, 153, 207, 261, 315][layer : layer + 2])
        sizes = [(small, small), (math.sqrt(small * next_one),) * 2]
        for ratio in [[2], [2, 3], [2, 3], [2, 3], [2], [2]][layer]:
            w, h = small * math.sqrt(ratio), small / math.sqrt(ratio)
            sizes += [(w, h), (h, w)]
        for w, h in sizes:
            for i, j in itertools.product(range(cells), repeat=2):
                box = ((j + 0.5) / (300 / step), (i + 0.5) / (300 / step), w, h)
                boxes.append(tuple(min(max(one, 0.0), 1.0) for one in box))
    return boxes


@pytest.mark.parametrize(("height", "width", "count"), [(300, 300, 1917), (320, 320, 2034), (160, 224, 738)])
def test_tensorflows_anchors(height: int, width: int, count: int) -> None:
    expected = np.array(tf_anchors(height, width)) * [height, width, height, width]
    anchors = grid_anchors(height, width)
    assert len(anchors) == len(expected) == count == count_grid_anchors(height, width)
    corners = np.concatenate([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], axis=1)
    np.testing.assert_allclose(corners[:, [1, 0, 3, 2]], expected, atol=1e-3)


def test_first_and_last_of_tensorflows_anchors_by_hand() -> None:
    anchors = grid_anchors(300, 300)
    middle, root = 300 / 19 / 2, math.sqrt(2)
    np.testing.assert_allclose(
        anchors[[0, 1, 2, 3, 57]],
        [
            [middle, middle, 30, 30],
            [middle, middle, 60 * root, 60 / root],
            [middle, middle, 60 / root, 60 * root],
            [3 * middle, middle, 30, 30],  # along the row first
            [middle, 3 * middle, 30, 30],
        ],
        rtol=1e-5,
    )
    np.testing.assert_allclose(anchors[1083], [15, 15, 105, 105], rtol=1e-5)  # 0.35 on the 10x10 map
    np.testing.assert_allclose(anchors[-6], [150, 150, 285, 285], rtol=1e-5)
    np.testing.assert_allclose(anchors[-1], [150, 150, 300 * math.sqrt(0.95), 300 * math.sqrt(0.95)], rtol=1e-5)


def test_nvidias_default_boxes() -> None:
    boxes = default_boxes()
    assert boxes.shape == (8732, 4)
    np.testing.assert_allclose(boxes, np.array(nvidia_boxes()) * 300, atol=1e-3)
    np.testing.assert_allclose(boxes[[0, 1, 38]], [[4, 4, 21, 21], [12, 4, 21, 21], [4, 12, 21, 21]])
    flat = [150, 150, 261 * math.sqrt(2), 261 / math.sqrt(2)]
    np.testing.assert_allclose(boxes[-2], [150, 150, 300, flat[3]], rtol=1e-5)  # wider than the image: held
    np.testing.assert_allclose(boxes[-1], [150, 150, flat[3], 300], rtol=1e-5)


@pytest.mark.parametrize("boxes", [(1, 1917, 4), (1, 1917, 1, 4), (1, 4, 1917), (1917, 4)])
def test_tensorflows_heads_are_decoded(boxes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    codes = rng.normal(0, 3, (1917, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (1917, 91)).astype(np.float32)
    family = family_of(TF, boxes=boxes)
    expected_boxes, expected_scores = [], []
    for number, (ymin, xmin, ymax, xmax) in enumerate(tf_anchors(300, 300)):
        ty, tx, th, tw = codes[number].astype(float)
        h, w, y, x = ymax - ymin, xmax - xmin, (ymin + ymax) / 2, (xmin + xmax) / 2
        y, x, h, w = ty / 10 * h + y, tx / 10 * w + x, math.exp(th / 5) * h, math.exp(tw / 5) * w
        expected_boxes.append([300 * side for side in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)])
        expected_scores.append([sigmoid(logits[number, one]) for one in COCO_IDS])
    turned = codes.T if boxes[1] == 4 and len(boxes) == 3 else codes
    outputs = {"boxes": turned.reshape(boxes), "classes": logits[None]}
    np.testing.assert_allclose(family.boxes(outputs), expected_boxes, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(family.scores(outputs), expected_scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("turn", [False, True])
def test_nvidias_heads_are_decoded(turn: bool) -> None:
    rng = np.random.default_rng(4)
    codes = rng.normal(0, 2, (8732, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (8732, 81)).astype(np.float32)
    family = family_of(NVIDIA)
    expected_boxes, expected_scores = [], []
    for (x, y, w, h), code, row in zip(nvidia_boxes(), codes.astype(float), logits.astype(float), strict=True):
        x, y, w, h = (
            *(x + 0.1 * code[0] * w, y + 0.1 * code[1] * h),
            *(w * math.exp(0.2 * code[2]), h * math.exp(0.2 * code[3])),
        )
        expected_boxes.append([300 * side for side in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)])
        weights = [math.exp(one) for one in row]
        expected_scores.append([weight / sum(weights) for weight in weights[1:]])
    heads = {"locs": codes if turn else codes.T, "confs": logits if turn else logits.T}
    outputs = {name: array[None] for name, array in heads.items()}
    np.testing.assert_allclose(family.boxes(outputs), expected_boxes, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(family.scores(outputs), expected_scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "name", "count"),
    [
        (TF, "ssd-mobilenet", 80),
        ({"x": (1, 1917, 91), "y": (1, 1917, 1, 4)}, "ssd-mobilenet", 80),
        ({"boxes": (1, 1917, 4), "classes": (1, 1917, 4)}, "ssd-mobilenet", 3),
        ({"boxes": (1, 1917, 4), "classes": (1, 1917, 2)}, "ssd-mobilenet", 1),
        (NVIDIA, "ssd300", 80),
        ({"locs": (1, 8732, 4), "confs": (1, 8732, 21)}, "ssd300", 20),
        (DONE, "ssd-postprocessed", 80),
        (TFLITE, "ssd-postprocessed", 80),
    ],
)
def test_each_form_is_told_by_its_shapes(outputs: dict, name: str, count: int) -> None:
    family = family_of(outputs)
    assert (family.name, family.num_classes) == (name, count)
    assert family.classes[CAT] == "cat" if count == 80 else family.classes[0] == "class 0"


@pytest.mark.parametrize(
    "outputs",
    [
        {"boxes": (1, 1917, 4)},
        TF | {"boxes": (1, 1916, 4)},
        TF | {"classes": (1, 1917)},
        TF | {"classes": (1, 1917, 1)},
        NVIDIA | {"locs": (1, 5, 8732)},
        NVIDIA | {"locs": (1, 4, 1917)},
        DONE | {"detection_boxes": (1, 9, 5)},
        DONE | {"detection_scores": (1, 8)},
        DONE | {"more": (1,)},
    ],
)
def test_other_shapes_are_refused(outputs: dict) -> None:
    with pytest.raises(ModelError, match=r"no known family: found .* Nearest: \S+: .*; \S+: "):
        family_of(outputs)
    with pytest.raises(ModelError, match=r"expected two outputs \[1, 4, 8732\] and \[1, 1 \+ classes, 8732\]\."):
        find_family(Signature(INPUT, outputs), "ssd300")


def test_nvidias_boxes_are_for_one_size() -> None:
    with pytest.raises(ModelError, match=r"not of family 'ssd300'.*for an input of 300x300 only"):
        find_family(Signature({"image": (1, 3, 512, 512)}, NVIDIA), "ssd300")


def test_the_heads_themselves_are_checked() -> None:
    with pytest.raises(ValueError, match="are not boxes and classes of 1917 anchors"):
        head_rows({"boxes": np.zeros((1, 9, 4))}, 1917)


@pytest.mark.parametrize("name", ["Sigmoid", "Softmax"])
def test_scores_that_the_graph_has_converted_are_taken_as_they_are(name: str) -> None:
    scores = np.random.default_rng(0).random((1, 1917, 91), np.float32)
    family = family_of(TF, ends={"classes": name})
    outputs = {"boxes": np.zeros((1, 1917, 4), np.float32), "classes": scores}
    np.testing.assert_array_equal(family.scores(outputs), scores[0][:, COCO_IDS])


def test_the_file_may_ask_for_a_softmax() -> None:
    logits = np.zeros((1, 1917, 91), np.float32)
    logits[..., 17] = math.log(9 * 90)
    outputs = {"boxes": np.zeros((1, 1917, 4), np.float32), "classes": logits}
    scores = family_of(TF, {"detquant.score_converter": "SOFTMAX"}).scores(outputs)
    np.testing.assert_allclose(scores[:, CAT], 0.9, rtol=1e-5)
    done = family_of(NVIDIA, ends={"confs": "Softmax"})
    chances = np.random.default_rng(0).random((1, 81, 8732), np.float32)
    outputs = {"locs": np.zeros((1, 4, 8732), np.float32), "confs": chances}
    np.testing.assert_array_equal(done.scores(outputs), chances[0, 1:].T)


@pytest.mark.parametrize("outputs", [TF, DONE])
@pytest.mark.parametrize(
    ("metadata", "ends", "pixels"),
    [
        ({}, {}, False),
        ({}, {"image": "Conv"}, False),
        ({}, {"image": "Mul"}, True),
        ({}, {"image": "Sub"}, True),
        ({"detquant.input_range": "-1..1"}, {"image": "Sub"}, False),
        ({"detquant.input_range": "0..255"}, {"image": "Conv"}, True),
        ({"detquant.input_range": "0..1"}, {"image": "Conv"}, False),
    ],
)
def test_who_normalises(outputs: dict, metadata: dict, ends: dict, pixels: bool) -> None:
    tensor, _ = family_of(outputs, metadata, ends).preprocess(SQUARE)
    expected = np.array([30, 20, 10]) if pixels else (np.array([30, 20, 10]) - 127.5) / 127.5
    np.testing.assert_allclose(tensor[0, :, 150, 150], expected, rtol=1e-5)


def test_nvidia_normalises_as_imagenet() -> None:
    tensor, _ = family_of(NVIDIA).preprocess(SQUARE)
    expected = (np.array([30, 20, 10]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(tensor[0, :, 150, 150], expected, rtol=1e-4)


def post_processed(shapes: dict, labels: list[float], count: float = 4) -> dict[str, np.ndarray]:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    boxes, classes, scores, number = outputs.values()
    boxes[0, :5] = [0.1, 0.2, 0.5, 0.6]
    classes[0, :5], scores[0, :5], number[:] = labels, [0.9, 0.8, 0.7, 0.6, 0.5], count
    return outputs


@pytest.mark.parametrize(
    ("shapes", "metadata", "labels"),
    [
        (DONE, {}, [17, 90, 12, 17, 17]),
        (TFLITE, {}, [16, 89, 11, 16, 16]),
        (TFLITE, {"detquant.label_base": "1"}, [17, 90, 12, 17, 17]),
        (DONE, {"detquant.label_base": "0"}, [16, 89, 11, 16, 16]),
        (DONE, {"detquant.classes": json.dumps(COCO_NAMES)}, [17, 90, 91, 17, 17]),
        (DONE, {"names": str([*"abcdefghijklmnop", *range(74)])}, [16, 80, 0, 16, 16]),  # 90 named: no holes
    ],
)
def test_what_the_graph_has_found_is_passed_on(shapes: dict, metadata: dict, labels: list[float]) -> None:
    family = family_of(shapes, metadata)
    outputs = post_processed(shapes, labels)
    _, geometry = family.preprocess(np.zeros((150, 600, 3), np.uint8))
    found = family.decode(outputs, geometry)
    # the third row's label is a hole or of no class, the fifth is behind the count; equal boxes stay, NMS was done
    assert found.class_id.tolist() == [CAT, TOOTHBRUSH, CAT]
    np.testing.assert_allclose(found.confidence, [0.9, 0.8, 0.6])
    np.testing.assert_allclose(found.xyxy, [[120, 15, 360, 75]] * 3, rtol=1e-5)


def test_names_that_are_given_count_the_classes() -> None:
    signature = Signature(INPUT, DONE)
    family, _ = find_family(signature, classes=("a", "b", "c"))
    assert family.classes == ("a", "b", "c")
    scores = family.scores(post_processed(DONE, [1, 3, 4, 2, 1]))
    assert scores.argmax(axis=1)[[0, 1, 3]].tolist() == [0, 2, 1] and not scores[2].any()


@pytest.mark.parametrize(
    ("names", "classes", "scores"),
    [
        (["a", "b", "c", "d"], "b", "c"),
        (["boxes", "scores", "classes", "n"], "classes", "scores"),
        (["location", "score", "category", "n"], "category", "score"),
    ],
)
def test_classes_and_scores_are_told_apart(names: list[str], classes: str, scores: str) -> None:
    family = family_of(dict(zip(names, DONE.values(), strict=True)))
    assert (family.roles.classes, family.roles.scores) == (classes, scores)


def test_tensorflow_2_sorts_scores_boxes_count_classes() -> None:
    shapes = {"call:1": (1, 9), "call:3": (1, 9, 4), "call:0": (1,), "call:2": (1, 9)}
    roles = family_of(shapes).roles
    assert (roles.scores, roles.boxes, roles.count, roles.classes) == ("call:1", "call:3", "call:0", "call:2")


def test_ninety_classes_of_ones_own() -> None:
    names = [f"thing {number}" for number in range(90)]
    family = family_of(TF, {"detquant.classes": json.dumps(names)})
    logits = np.random.default_rng(0).normal(size=(1, 1917, 91)).astype(np.float32)
    scores = family.scores({"boxes": np.zeros((1, 1917, 4), np.float32), "classes": logits})
    assert family.num_classes == 90 and scores.shape == (1917, 90)
    np.testing.assert_allclose(scores[0, 11], sigmoid(logits[0, 0, 12]), rtol=1e-5)
