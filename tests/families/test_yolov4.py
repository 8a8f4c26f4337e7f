"""YOLOv4's raw maps against Darknet's formulas, one value at a time, and what its metadata may be."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.yolo_heads import KEY, YoloHead, YoloHeads, read_heads
from detquant.families.yolov4 import YOLOv4

CLASSES = 3
WIDTH, HEIGHT = 96, 64
COARSE = YoloHead(output="coarse", anchors=((40, 30), (60, 50)), stride=(32, 32), scale_x_y=1.05)
FINE = YoloHead(output="fine", anchors=((8, 10), (12, 6), (20, 20)), stride=(16, 16), scale_x_y=1.2)
SHAPES = {"coarse": (1, 16, 2, 3), "fine": (1, 24, 4, 6)}


def signature(resize: str = "stretch", metadata: dict[str, str] | None = None) -> Signature:
    heads = YoloHeads(heads=(COARSE, FINE), classes=CLASSES, resize=resize)
    return Signature({"images": (1, 3, HEIGHT, WIDTH)}, SHAPES, metadata or {KEY: heads.to_json()})


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_boxes_and_scores_follow_darknet() -> None:
    family = YOLOv4.from_signature(signature())
    rng = np.random.default_rng(2)
    outputs = {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in SHAPES.items()}
    boxes, scores = [], []
    for head in (COARSE, FINE):
        _, _, rows, columns = SHAPES[head.output]
        for anchor, (width, height) in enumerate(head.anchors):
            for row, column in np.ndindex(rows, columns):
                t = outputs[head.output][0, anchor * 8 : anchor * 8 + 8, row, column].astype(float)
                x, y = (sigmoid(one) * head.scale_x_y - 0.5 * (head.scale_x_y - 1) for one in t[:2])
                # get_yolo_box: centre in parts of the map, size in parts of the input
                x, y = (column + x) / columns * WIDTH, (row + y) / rows * HEIGHT
                w, h = math.exp(t[2]) * width, math.exp(t[3]) * height
                boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                scores.append([sigmoid(t[4]) * sigmoid(one) for one in t[5:]])
    np.testing.assert_allclose(family.boxes(outputs), boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(family.scores(outputs), scores, rtol=1e-4, atol=1e-6)


# stride and published anchors, as cfg/yolov4.cfg has them: 9 in all, three a map
KERAS_ANCHORS = {8: [(12, 16), (19, 36), (40, 28)], 16: [(36, 75), (76, 55), (72, 146)]}
KERAS_ANCHORS[32] = [(142, 110), (192, 243), (459, 401)]


@pytest.mark.parametrize("apart", [False, True])
def test_keras_maps_have_the_channels_last_and_need_no_metadata(apart: bool) -> None:
    side, classes = 96, 4
    channels = (3, 5 + classes) if apart else (3 * (5 + classes),)
    shapes = {f"conv_{stride}": (1, side // stride, side // stride, *channels) for stride in (32, 8, 16)}
    family, reason = find_family(Signature({"image": (1, 3, side, side)}, shapes))
    assert (family.name, family.num_classes) == ("yolov4", classes)
    assert "three outputs [1, rows, columns, 3 * (5 + classes)] of 12x12, 6x6, 3x3 cells" in reason
    rng = np.random.default_rng(5)
    outputs = {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in shapes.items()}
    boxes, scores = [], []
    for stride in (32, 8, 16):
        cells = outputs[f"conv_{stride}"].reshape(side // stride, side // stride, 3, 5 + classes).astype(float)
        for anchor, (width, height) in enumerate(KERAS_ANCHORS[stride]):
            for row, column in np.ndindex(cells.shape[:2]):
                tx, ty, tw, th, to, *tk = cells[row, column, anchor]
                x, y = (sigmoid(tx) + column) * stride, (sigmoid(ty) + row) * stride
                w, h = width * math.exp(tw), height * math.exp(th)
                boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                scores.append([sigmoid(to) * sigmoid(one) for one in tk])
    np.testing.assert_allclose(family.boxes(outputs), boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(family.scores(outputs), scores, rtol=1e-4, atol=1e-6)


def test_keras_images_are_letterboxed_with_half() -> None:
    shapes = {f"m{cells}": (1, cells, cells, 255) for cells in (76, 38, 19)}
    family, _ = find_family(Signature({"image": (1, 3, 608, 608)}, shapes))
    tensor, geometry = family.preprocess(np.full((10, 20, 3), 255, np.uint8))
    assert family.classes[0] == "person" and geometry.pad_y == 152
    written, _ = find_family(Signature({"image": (1, 3, 608, 608)}, shapes, family.facts()))
    assert written.layout == family.layout  # told by the metadata now
    np.testing.assert_allclose(tensor[0, :, [0, 300, 607], 300], [[128 / 255] * 3, [1] * 3, [128 / 255] * 3], rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"m76": (1, 76, 76, 254)},
        {"m76": (1, 76, 76, 18)},
        {"m76": (1, 76, 76, 15)},
        {"m76": (1, 76, 76, 4, 85)},
        {"m76": (1, 76, 38, 255)},
        {"m76": (1, 255, 76, 76)},
        {"m76": (1, 38, 38, 255)},
        {"more": (1, 1)},
    ],
)
def test_maps_that_are_not_kerass(change: dict) -> None:
    shapes = {f"m{cells}": (1, cells, cells, 255) for cells in (76, 38, 19)}
    with pytest.raises(ModelError, match=r"or three outputs .* of 76x76, 38x38, 19x19 cells"):
        find_family(Signature({"image": (1, 3, 608, 608)}, shapes | change), "yolov4")


def test_it_is_found_by_its_metadata_alone() -> None:
    assert find_family(signature())[0].name == "yolov4"
    said = {KEY: YoloHeads(heads=(COARSE, FINE), classes=CLASSES).to_json(), "detquant.family": "yolov4"}
    assert find_family(signature(metadata=said))[1].startswith("The file tells its family. ")
    with pytest.raises(ModelError, match=r"as the metadata 'detquant.yolo' tells"):
        find_family(signature(metadata={"names": "x"}), "yolov4")


def test_letterbox_pads_with_half() -> None:
    white = np.full((10, 10, 3), 255, np.uint8)
    tensor, geometry = YOLOv4.from_signature(signature("letterbox")).preprocess(white)
    assert geometry.pad_x == (WIDTH - HEIGHT) / 2 and geometry.scale_x == geometry.scale_y
    np.testing.assert_allclose(tensor[0, :, 5, [0, 40, 95]], [[128 / 255] * 3, [1] * 3, [128 / 255] * 3], rtol=1e-6)
    tensor, geometry = YOLOv4.from_signature(signature()).preprocess(white)
    assert (tensor == 1).all() and geometry.scale_x == WIDTH / 10


def test_metadata_there_and_back() -> None:
    heads = YoloHeads(heads=(COARSE, FINE), classes=CLASSES, nms="diounms", resize="letterbox")
    assert read_heads({KEY: heads.to_json()}) == heads


GOOD = json.loads(YoloHeads(heads=(COARSE, FINE), classes=CLASSES).to_json())


@pytest.mark.parametrize(
    "entry",
    [
        {},
        [],
        7,
        None,
        GOOD | {"heads": []},
        GOOD | {"heads": 3},
        GOOD | {"heads": [GOOD["heads"][0]]},
        GOOD | {"classes": 0},
        GOOD | {"classes": 4},
        GOOD | {"classes": "many"},
        GOOD | {"classes": math.inf},
        GOOD | {"resize": "crop"},
        *(
            GOOD | {"heads": [GOOD["heads"][0] | change, GOOD["heads"][1]]}
            for change in (
                {"anchors": []},
                {"anchors": [[1, 2, 3], [1, 2]]},
                {"anchors": [[1, 0], [1, 2]]},
                {"anchors": [[1, math.nan], [1, 2]]},
                {"anchors": [[1, 10**999], [1, 2]]},
                {"stride": [32, 16]},
                {"stride": 32},
                {"scale_x_y": -1},
                {"output": "fine"},
            )
        ),
    ],
)
def test_metadata_that_makes_no_sense_is_not_believed(entry: object) -> None:
    assert YOLOv4.matches(signature(metadata={KEY: json.dumps(entry)})) is None


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_metadata_that_is_no_json(text: str) -> None:
    assert read_heads({KEY: text}) is None
