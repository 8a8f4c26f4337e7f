"""What tells a model's family, and what is refused with which words."""

from __future__ import annotations

import json

import pytest

from detquant.errors import ModelError
from detquant.families import COCO_NAMES, FAMILIES, Signature, also_fitting, find_family, load_family

MOST = max(FAMILIES, key=lambda name: load_family(name).output_count)
"""The family of the most outputs."""
IMAGE = {"images": (1, 3, 640, 640)}
YOLOV8 = {"output0": (1, 84, 8400)}
NAMES = str({index: f"thing {index}" for index in range(80)})


@pytest.mark.parametrize(
    ("inputs", "outputs", "name", "count"),
    [
        (IMAGE, YOLOV8, "yolov8", 80),
        (IMAGE, {"o": (1, 5, 8400)}, "yolov8", 1),
        ({"i": (1, 3, 640, 640)}, {"o": (1, 84, 34000)}, "yolov8", 80),
        ({"i": (1, 3, 416, 416)}, {"o": (1, 3549, 85)}, "yolox", 80),
        ({"i": (1, 3, 416, 416)}, {"o": (1, 3598, 112)}, "nanodet-plus", 80),
        ({"i": (1, 3, 320, 320)}, {"o": (1, 2125, 33)}, "nanodet-plus", 1),
        (
            {"i": (1, 3, 64, 64)},
            {"a": (64, 32), "b": (16, 32), "c": (4, 32), "d": (64, 32), "e": (16, 32), "f": (4, 32)},
            "nanodet",
            32,
        ),
    ],
)
def test_found_by_shape(inputs: dict, outputs: dict, name: str, count: int) -> None:
    family, _ = find_family(Signature(inputs, outputs))
    assert (family.name, family.num_classes) == (name, count)


@pytest.mark.parametrize(
    ("metadata", "given", "first"),
    [
        ({}, None, "person"),
        ({"names": NAMES}, None, "thing 0"),
        ({"names": "coco80"}, None, "person"),
        ({"names": "__import__('os').getcwd()"}, None, "person"),
        ({"names": NAMES, "detquant.classes": json.dumps(["a"] * 80)}, None, "a"),
        ({"names": NAMES}, ("given",) * 80, "given"),
    ],
)
def test_class_names(metadata: dict, given: tuple | None, first: str) -> None:
    family, _ = find_family(Signature(IMAGE, YOLOV8, metadata), classes=given)
    assert family.classes[0] == first and len(family.classes) == 80


@pytest.mark.parametrize(
    ("metadata", "given", "supposed"),
    [
        ({}, None, True),
        ({"names": "coco80"}, None, True),
        ({"names": NAMES}, None, False),
        ({"detquant.classes": json.dumps(COCO_NAMES)}, None, False),
        ({"detquant.classes": json.dumps(COCO_NAMES), "detquant.classes_supposed": "true"}, None, True),
        ({}, ("given",) * 80, False),
    ],
)
def test_names_that_nobody_told(metadata: dict, given: tuple | None, supposed: bool) -> None:
    family, _ = find_family(Signature(IMAGE, YOLOV8, metadata), classes=given)
    assert family.names_supposed is supposed


def test_coco_names_are_eighty() -> None:
    assert len(set(COCO_NAMES)) == 80 and COCO_NAMES[79] == "toothbrush"


def test_the_file_may_say_its_family() -> None:
    said = Signature(IMAGE, YOLOV8, {"detquant.family": "yolov8"})
    assert find_family(said)[1].startswith("The file tells its family. ")
    with pytest.raises(ModelError, match="not of family 'yolox'"):
        find_family(Signature(IMAGE, YOLOV8, {"detquant.family": "yolox"}))


@pytest.mark.parametrize(
    ("inputs", "outputs", "metadata", "name", "words"),
    [
        (IMAGE, {"prob": (1, 1000)}, {}, "yolov8", "not of family 'yolov8'.*Its shapes are those of classifier"),
        (IMAGE, {"prob": (1, 1)}, {}, "auto", "no known family"),
        ({"i": ("N", 3, 224, 224)}, {"prob": ("N", 1000)}, {}, "auto", "dynamic dimensions"),
        (IMAGE, {"prob": (1, 9)}, {"detquant.preprocess": "/etc/x.toml"}, "auto", "neither JSON nor one of"),
        (IMAGE, {"prob": (1, 9)}, {"detquant.preprocess": '{"std": [1, 0, 1]}'}, "auto", "does not fit"),
        (IMAGE, {"prob": (1, 9)}, {"detquant.preprocess": '{"mode": 1}'}, "auto", "other keys"),
        (IMAGE, YOLOV8, {}, "yolox", r"found output0 \[1, 84, 8400\].*expected .*\[1, 8400, 5 .*yolov8"),
        (IMAGE, YOLOV8, {}, "yolo8", "did you mean 'yolov8'"),
        (IMAGE, {"o": (1, 9, 9)}, {}, "auto", r"no known family: found o \[1, 9, 9\].*Nearest: yolov8.*--reads"),
        (IMAGE, {"o": (1, 56, 8400)}, {"task": "pose"}, "auto", "task is 'pose', but not how many key points"),
        (IMAGE, {"o": (1, 56, 8400)}, {"names": "{0: 'person'}"}, "auto", "52 classes, but .* 1 names"),
        ({"i": (1, 3, "h", None)}, YOLOV8, {}, "auto", r"dynamic dimensions \[1, 3, h, \?\]"),
        ({"i": (8, 3, 640, 640)}, YOLOV8, {}, "auto", "batch of 1"),
        ({"i": (1, 640, 640, 3)}, YOLOV8, {}, "auto", "channels first"),
        (IMAGE | {"j": (1,)}, YOLOV8, {}, "auto", "one image input"),
        (IMAGE, {"o": (1, 84, "anchors")}, {}, "auto", "dynamic outputs"),
        (IMAGE, {}, {}, "auto", "no known family"),
        (IMAGE, YOLOV8, {}, "ssd", r"of no family ssd: found .* Nearest: ssd-raw: .*; ssd-mobilenet: .*"),
    ],
)
def test_refused(inputs: dict, outputs: dict, metadata: dict, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        find_family(Signature(inputs, outputs, metadata), name)


@pytest.mark.parametrize(
    ("shape", "metadata", "joined", "name", "count"),
    [
        ((1, 8400, 84), {}, (), "yolov8", 80),
        ((1, 85, 8400), {}, (), "yolox", 80),
        ((1, 8400, 14), {"names": str(list("abcdefghij"))}, (), "yolov8", 10),
        ((1, 8400, 15), {"names": str(list("abcdefghij"))}, (), "yolox", 10),
        ((1, 8400, 14), {}, ((4, 10),), "yolov8", 10),
        ((1, 8400, 14), {}, ((4, 1, 9),), "yolox", 9),
        ((1, 14, 8400), {}, ((4, 1, 9),), "yolox", 9),
        ((1, 8400, 14), {}, ((6400, 1600, 400), (4, 10)), "yolov8", 10),
        ((1, 8400, 14), {}, ((2, 2, 10),), "yolox", 9),
        ((1, 25200, 85), {}, (), "yolov5", 80),
        ((1, 300, 6), {}, (), "end-to-end", 80),
        ((1, 300, 84), {}, (), "rt-detr", 80),
        ((1, 300, 6), {"names": str(list("ab"))}, (), "rt-detr", 2),
        ((1, 300, 6), {"names": str(list("abc"))}, (), "end-to-end", 3),
    ],
)
def test_what_else_tells_the_family(shape: tuple, metadata: dict, joined: tuple, name: str, count: int) -> None:
    family, _ = find_family(Signature(IMAGE, {"o": shape}, metadata, joined={"o": joined}))
    assert (family.name, family.num_classes) == (name, count)


def test_a_family_that_is_said_decides_where_nothing_else_does() -> None:
    turned = Signature(IMAGE, {"o": (1, 8400, 14)})
    assert find_family(turned, "yolov8")[0].num_classes == 10
    assert find_family(turned)[0].num_classes == 9
    assert find_family(Signature(IMAGE, {"o": (1, 77, 12)}), "rt-detr")[0].num_classes == 8


@pytest.mark.parametrize(
    ("outputs", "nearest", "words"),
    [
        ({"v": (1, 7)}, "classifier", "say --family classifier"),
        ({"s": (1, 4420, 2), "b": (1, 4420, 4)}, "ssd-raw", "this file does not tell their anchors"),
        ({f"m{n}": (1, 12, n, n) for n in (22, 11)}, "ssd-raw", "raw maps, whose anchors and strides"),
        ({"o": (1, 30, 8400), "p": (1, 32, 160, 160)}, "ssd-raw", "segmentation"),
        ({f"h{n}": (1, n, 1) for n in range(3, 15)}, MOST, "only their own code decodes"),
        ({"o": (1, 9, 9)}, "yolov8", "--reads"),
    ],
)
def test_a_refusal_is_short_and_true(outputs: dict, nearest: str, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        find_family(Signature(IMAGE, outputs))
    said = str(caught.value)
    assert words in said and f"Nearest: {nearest}: " in said
    assert said.count("; ") <= len(outputs) + 3 and "NMS" not in said


@pytest.mark.parametrize(
    ("count", "side", "metadata", "ends"),
    [
        (7, 224, {"task": "classify"}, {}),
        (7, 224, {"detquant.family": "classifier"}, {}),
        (7, 224, {"detquant.preprocess": "unit"}, {}),
        (7, 224, {"names": str(list("abcdefg"))}, {}),
        (7, 224, {}, {"o": "Softmax"}),
        (1000, 224, {}, {}),
        (1001, 224, {}, {}),
        (10, 32, {}, {}),
        (100, 32, {}, {}),
    ],
)
def test_what_tells_a_classifier(count: int, side: int, metadata: dict, ends: dict) -> None:
    signature = Signature({"i": (1, 3, side, side)}, {"o": (1, count)}, metadata, ends)
    assert find_family(signature)[0].name == "classifier"


@pytest.mark.parametrize(
    ("outputs", "metadata", "taken", "others"),
    [
        ({"o": (1, 8400, 85)}, {}, "yolox", {"nanodet", "yolov6", "yolov8-obb"}),
        ({"o": (1, 300, 6)}, {}, "end-to-end", {"rt-detr"}),
        (
            {f"m{n}": (1, 255, n, n) for n in (80, 40, 20)},
            {"detquant.anchors": "yolov5"},
            "yolov5-maps",
            {"yolov8-maps", "yolov6-maps"},
        ),
        (
            {"boxes": (1, 100, 4), "scores": (1, 100), "classes": (1, 100), "n": (1, 1)},
            {},
            "ssd-postprocessed",
            {"efficient-nms"},
        ),
        ({"boxes": (1, 8400, 4), "scores": (1, 80, 8400)}, {}, "ppyoloe", {"damo-yolo"}),
    ],
)
def test_others_that_the_shapes_fit_are_told_with_what_would_tell_them(
    outputs: dict, metadata: dict, taken: str, others: set
) -> None:
    signature = Signature(IMAGE, outputs, metadata)
    assert find_family(signature)[0].name == taken
    told = also_fitting(signature, taken)
    assert told.keys() == others and all(mark.startswith("whose ") for mark in told.values())


def test_one_vector_alone_is_no_classifier() -> None:
    for count, side in ((7, 224), (10, 224), (7, 32)):
        with pytest.raises(ModelError, match="--family classifier"):
            find_family(Signature({"i": (1, 3, side, side)}, {"o": (1, count)}))
    assert find_family(Signature(IMAGE, {"o": (1, 7)}), "classifier")[0].name == "classifier"


def test_a_kind_stands_for_the_family_that_fits() -> None:
    heads = {"locs": (1, 4, 8732), "confs": (1, 81, 8732)}
    family, _ = find_family(Signature({"i": (1, 3, 300, 300)}, heads), "ssd")
    assert family.name == "ssd300"
