"""Every family gives back boxes that were written into its raw outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import FAMILIES, Detections, Family, Signature, find_family, load_family
from detquant.families.grid import cells
from detquant.families.letterbox import letterbox_centred, letterbox_top_left, stretch, stretch_from_corner
from detquant.families.ssd_anchors import default_boxes, grid_anchors
from detquant.families.ssd_layout import SSDLayout

HEIGHT, WIDTH, CLASSES = 160, 192, 7
SIZES = {"ssd300": (300, 300)}  # of the others, HEIGHT and WIDTH
DETECTORS = [name for name in FAMILIES if load_family(name).task == "detect"]
FINE = 24 * 20
CELLS = FINE + 12 * 10 + 6 * 5
OUTPUTS = {
    "yolov8": {"out": (1, 4 + CLASSES, CELLS)},
    "yolov8-maps": {f"m{n}": (1, 5 + CLASSES, HEIGHT // n, WIDTH // n) for n in (8, 16, 32)},
    "yolov6": {"out": (1, CELLS, 5 + CLASSES)},
    "yolox": {"out": (1, CELLS, 5 + CLASSES)},
    "yolov5": {"out": (1, 3 * CELLS, 5 + CLASSES)},
    "end-to-end": {"out": (1, 30, 6)},
    "rt-detr": {"out": (1, 40, 4 + CLASSES)},
    "nanodet": {
        **{f"a{n}": (1, n, CLASSES) for n in (480, 120, 30)},
        **{f"b{n}": (1, n, 32) for n in (480, 120, 30)},
    },
    "nanodet-plus": {"out": (1, CELLS + 3 * 3, CLASSES + 32)},
    "yolov4": {f"m{n}": (1, 2 * (5 + CLASSES), HEIGHT // n, WIDTH // n) for n in (32, 16)},
    "ssd-raw": {"boxes": (1, CELLS + 1, 4), "classes": (1, CELLS + 1, 1 + CLASSES)},
    "ssd-mobilenet": {"boxes": (1, 630, 4), "classes": (1, 630, 1 + CLASSES)},
    "ssd-postprocessed": {"boxes": (1, 20, 4), "classes": (1, 20), "scores": (1, 20), "count": (1,)},
    "ssd300": {"boxes": (1, 4, 8732), "classes": (1, 1 + CLASSES, 8732)},
}
ANCHORS = [[20, 30], [40, 60]]
HEADS = [{"output": f"m{n}", "anchors": ANCHORS, "stride": [n, n], "scale_x_y": 1.05} for n in (32, 16)]
RAW = SSDLayout(
    boxes="boxes",
    classes="classes",
    anchors=np.random.default_rng(5).uniform(0.2, 0.6, (CELLS + 1, 4)).astype(np.float32),
    variances=(0.1, 0.2, 0.3, 0.4),
    order="yxhw",
    scores="sigmoid",
    background=CLASSES,
    nms_iou=0.5,
)
NAMES = {"detquant.classes": json.dumps([f"class {number}" for number in range(CLASSES)])}
METADATA = {
    "ssd-raw": {"detquant.ssd": RAW.to_json()},
    "yolov4": {"detquant.yolo": json.dumps({"heads": HEADS, "classes": CLASSES, "resize": "stretch"})},
    "ssd-postprocessed": NAMES,
    "end-to-end": NAMES,
    "rt-detr": NAMES,
}
SAMPLES = {"yolov6": lambda: {"out": np.full((1, CELLS, 5 + CLASSES), 1.0)}}
# raw where nothing is; 0 where the graph has applied the sigmoid
NOTHING = {"yolov4": -30.0, "ssd-mobilenet": -30.0, "ssd-raw": -30.0}
IMAGE = np.random.default_rng(0).integers(0, 256, (300, 240, 3), np.uint8)
# In pixels of IMAGE: two of one class apart, one of another class on the first.
TRUTH = Detections(
    np.array([[20, 30, 90, 120], [130, 170, 210, 270], [22, 30, 90, 118]], np.float32),
    np.array([0.9, 0.8, 0.7], np.float32),
    np.array([3, 3, 6]),
)


def signature_of(name: str) -> Signature:
    inputs = {"images": (1, 3, *size_of(name))}
    return Signature(inputs, OUTPUTS[name], METADATA.get(name, {}), sample=SAMPLES.get(name))


def size_of(name: str) -> tuple[int, int]:
    return SIZES.get(name, (HEIGHT, WIDTH))


def family_of(name: str) -> Family:
    return find_family(signature_of(name))[0]


def write_yolov8(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["out"][0, :4, cell] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2])]
    outputs["out"][0, 4 + k, cell] = score


def write_yolov8_maps(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    centre, step = (place + 0.5) * stride, int(stride[0])
    column, row = place.astype(int)
    found = outputs[f"m{step}"][0, :, row, column]
    found[:4], found[4], found[5 + k] = [*(centre - box[:2]) / step, *(box[2:] - centre) / step], score, score


def write_yolox(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    outputs["out"][0, cell, :2] = (box[:2] + box[2:]) / 2 / stride - place
    outputs["out"][0, cell, 2:4] = np.log((box[2:] - box[:2]) / stride)
    outputs["out"][0, cell, 4] = 0.95
    outputs["out"][0, cell, 5 + k] = score / 0.95


def write_yolov6(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["out"][0, cell, :5] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2]), 1]
    outputs["out"][0, cell, 5 + k] = score


def write_yolov5(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = 2 * FINE + cell  # the first anchor of the second map
    outputs["out"][0, row, :5] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2]), 0.95]
    outputs["out"][0, row, 5 + k] = score / 0.95


def write_end_to_end(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int((outputs["out"][0, :, 4] > 0).sum())
    outputs["out"][0, row] = [*box, score, k]


def write_rt_detr(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row, part = k + int(score > 0.85), box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs["out"][0, row, :4] = [*(part[:2] + part[2:]) / 2, *(part[2:] - part[:2])]
    outputs["out"][0, row, 4 + k] = score


def distances(box: np.ndarray, x: float, y: float, stride: float) -> np.ndarray:
    """Logits whose expectation is each side's distance: weight on the two neighbouring bins."""
    logits = np.full((4, 8), -40.0)
    for side, distance in enumerate([x - box[0], y - box[1], box[2] - x, box[3] - y]):
        low = int(distance / stride)
        part = distance / stride - low
        logits[side, low : low + 2] = np.log([1 - part + 1e-9, part + 1e-9])
    return logits.ravel()


def write_nanodet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32)))
    x, y = (place + 0.5) * stride
    outputs["a120"][0, cell - FINE, k] = score
    outputs["b120"][0, cell - FINE] = distances(box, x, y, stride[0])


def write_plus(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    place, stride = (part[cell] for part in cells(HEIGHT, WIDTH, (8, 16, 32, 64)))
    outputs["out"][0, cell, k] = score
    outputs["out"][0, cell, CLASSES:] = distances(box, *(place * stride), stride[0])


def logit(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))


def write_yolov4(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    anchor = k % 2  # a centre cannot leave its cell, so boxes of two classes there are of two anchors
    centre = (box[:2] + box[2:]) / 2 / 16
    column, row = centre.astype(int)
    values = outputs["m16"][0].reshape(2, 5 + CLASSES, HEIGHT // 16, WIDTH // 16)[anchor, :, row, column]
    values[:2] = [logit((at % 1 + 0.025) / 1.05) for at in centre]
    values[2:4] = np.log((box[2:] - box[:2]) / ANCHORS[anchor])
    values[4] = logit(0.95)
    values[5 + k] = logit(score / 0.95)


def code(box: np.ndarray, anchor: np.ndarray, variances: tuple[Any, Any]) -> np.ndarray:
    """x, y, w, h as an SSD's head tells them."""
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    place = (centre - anchor[:2]) / anchor[2:] / variances[0]
    return np.concatenate([place, np.log(size / anchor[2:]) / variances[1]])


def write_raw(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    part = box / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    codes = code(part, RAW.anchors[cell], (np.array([0.1, 0.2]), np.array([0.3, 0.4])))
    outputs["boxes"][0, cell] = codes[[1, 0, 3, 2]]
    outputs["classes"][0, cell, k] = logit(score)  # the background comes last


def write_mobilenet(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    anchor = 3 * (cell - FINE) + 1  # its first map has cells of 16 pixels too, with three anchors
    outputs["boxes"][0, anchor] = code(box, grid_anchors(HEIGHT, WIDTH)[anchor], (0.1, 0.2))[[1, 0, 3, 2]]
    outputs["classes"][0, anchor, 1 + k] = logit(score)


def write_postprocessed(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    row = int(outputs["count"][0])
    outputs["boxes"][0, row] = box[[1, 0, 3, 2]] / [HEIGHT, WIDTH, HEIGHT, WIDTH]
    outputs["classes"][0, row], outputs["scores"][0, row] = k, score
    outputs["count"][0] += 1


def write_ssd300(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, score: float, k: int) -> None:
    outputs["boxes"][0, :, cell] = code(box, default_boxes()[cell], (0.1, 0.2))
    outputs["classes"][0, 0, cell] = np.log((1 - score) / (CLASSES - 1))
    outputs["classes"][0, 1:, cell] = -30
    outputs["classes"][0, 1 + k, cell] = np.log(score / (CLASSES - 1))


WRITERS: dict[str, Callable[..., None]] = {
    "yolov8": write_yolov8,
    "yolov8-maps": write_yolov8_maps,
    "yolov6": write_yolov6,
    "yolox": write_yolox,
    "yolov5": write_yolov5,
    "end-to-end": write_end_to_end,
    "rt-detr": write_rt_detr,
    "nanodet": write_nanodet,
    "nanodet-plus": write_plus,
    "yolov4": write_yolov4,
    "ssd-raw": write_raw,
    "ssd-mobilenet": write_mobilenet,
    "ssd-postprocessed": write_postprocessed,
    "ssd300": write_ssd300,
}


def nothing(name: str) -> dict[str, np.ndarray]:
    """Raw outputs of a network that sees nothing."""
    outputs = {key: np.full(shape, NOTHING.get(name, 0.0), np.float32) for key, shape in OUTPUTS[name].items()}
    if name == "ssd300":
        outputs["classes"][0, 0] = 30  # the background
    return outputs


def encode(name: str, family: Family) -> dict[str, np.ndarray]:
    """TRUTH as raw outputs, each box in the cell of stride 16 at its centre, the third one cell further."""
    outputs = nothing(name)
    _, geometry = family.preprocess(IMAGE)
    for number, box in enumerate(geometry.to_input(TRUTH.xyxy)):
        column, row = ((box[:2] + box[2:]) / 32).astype(int)
        cell = FINE + row * 12 + column + (number == 2)
        WRITERS[name](outputs, cell, box, TRUTH.confidence[number], TRUTH.class_id[number])
    return outputs


@pytest.mark.parametrize("name", DETECTORS)
def test_boxes_come_back(name: str) -> None:
    family = family_of(name)
    outputs = encode(name, family)
    _, geometry = family.preprocess(IMAGE)
    found = family.decode(outputs, geometry, confidence=0.1)
    np.testing.assert_allclose(found.xyxy, TRUTH.xyxy, atol=0.05)
    np.testing.assert_allclose(found.confidence, TRUTH.confidence, atol=1e-5)
    np.testing.assert_array_equal(found.class_id, TRUTH.class_id)
    assert len(family.decode(outputs, geometry, confidence=0.1, max_detections=1)) == 1
    assert len(family.decode(outputs, geometry, confidence=0.75)) == 2
    assert family.confident_cells(outputs).shape == (len(family.boxes(outputs)),)


@pytest.mark.parametrize("name", DETECTORS)
def test_tells_itself_from_the_others(name: str) -> None:
    family, reason = find_family(signature_of(name))
    assert (family.name, family.num_classes) == (name, CLASSES)
    height, width = size_of(name)
    assert (family.input_name, family.height, family.width) == ("images", height, width)
    assert family.classes[2] == "class 2"
    assert name in reason and f"{height}x{width}" in reason
    assert [key for key in FAMILIES if load_family(key).matches(signature_of(name))] == [name]


@pytest.mark.parametrize("name", DETECTORS)
def test_input_is_contiguous_float32(name: str) -> None:
    tensor, _ = family_of(name).preprocess(IMAGE)
    assert tensor.shape == (1, 3, *size_of(name))
    assert tensor.dtype == np.float32 and tensor.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yolov8", [30 / 255, 20 / 255, 10 / 255]),
        ("yolox", [10, 20, 30]),
        ("nanodet", [(10 - 103.53) / 57.375, (20 - 116.28) / 57.12, (30 - 123.675) / 58.395]),
        ("nanodet-plus", [(10 - 103.53) / 57.375, (20 - 116.28) / 57.12, (30 - 123.675) / 58.395]),
        ("yolov4", [30 / 255, 20 / 255, 10 / 255]),
        ("ssd-raw", [30, 20, 10]),
        ("ssd-mobilenet", [(one - 127.5) / 127.5 for one in (30, 20, 10)]),
        ("ssd-postprocessed", [(one - 127.5) / 127.5 for one in (30, 20, 10)]),
        ("ssd300", [(30 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (10 / 255 - 0.406) / 0.225]),
    ],
)
def test_channels_and_range(name: str, expected: list[float]) -> None:
    image = np.full((HEIGHT, WIDTH, 3), (10, 20, 30), np.uint8)
    tensor, _ = family_of(name).preprocess(image)
    np.testing.assert_allclose(tensor[0, :, 80, 90], expected, rtol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_black_and_white_are_the_ends_of_what_goes_in(name: str) -> None:
    family = family_of(name)
    ends = [family.preprocess(np.full((HEIGHT, WIDTH, 3), grey, np.uint8))[0] for grey in (0, 255)]
    found = [float(np.min(ends)), float(np.max(ends))]
    np.testing.assert_allclose(family.pixel_range, found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DETECTORS)
def test_broken_outputs_give_no_boxes_and_no_warning(name: str) -> None:
    family = family_of(name)
    _, geometry = family.preprocess(IMAGE)
    broken = {key: np.full(shape, np.nan, np.float32) for key, shape in OUTPUTS[name].items()}
    for outputs in (nothing(name), broken):
        assert len(family.decode(outputs, geometry)) == 0
    huge = {key: np.full(shape, 300.0, np.float32) for key, shape in OUTPUTS[name].items()}
    assert np.isfinite(family.decode(huge, geometry).xyxy).all()


def test_nanodet_outputs_may_come_in_any_order_without_batch() -> None:
    family = family_of("nanodet")
    outputs = encode("nanodet", family)
    turned = {f"x{i}": array[0] for i, array in enumerate(reversed(outputs.values()))}
    np.testing.assert_array_equal(family.boxes(turned), family.boxes(outputs))
    np.testing.assert_array_equal(family.scores(turned), family.scores(outputs))


def test_nanodet_refuses_foreign_outputs() -> None:
    with pytest.raises(ValueError, match="are not two outputs for each"):
        family_of("nanodet").scores({"out": np.zeros((1, 5, 5), np.float32)})


@pytest.mark.parametrize("place", [letterbox_centred, letterbox_top_left, stretch, stretch_from_corner])
@pytest.mark.parametrize("size", [(300, 240), (61, 500), (1, 900), (160, 192), (333, 7)])
def test_geometry_there_and_back(place: Callable[..., tuple], size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    canvas, geometry = place(image, HEIGHT, WIDTH)
    assert canvas.shape == (HEIGHT, WIDTH, 3)
    box = np.array([[0, 0, size[1], size[0]]], np.float32)
    np.testing.assert_allclose(geometry.to_image(geometry.to_input(box)), box, atol=1e-3)
    assert (geometry.to_image(np.array([[-999, -999, 9999, 9999]], np.float32)) == box).all()


def test_stretched_from_the_corner() -> None:
    """Every second pixel of twice the size; of half the size, each pixel and the one between it and the next."""
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    assert (stretch_from_corner(image, 4, 3)[0] == image[::2, ::2]).all()
    assert (stretch_from_corner(image, 8, 6)[0] == image).all()
    twice = stretch_from_corner(image, 8, 12)[0]
    assert (twice[:, ::2] == image).all() and (twice[:, -1] == image[:, -1]).all()
    between = np.rint((image[:, :-1].astype(float) + image[:, 1:]) / 2)
    assert (twice[:, 1:-1:2] == between).all()


def test_letterbox_pads_with_grey() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    centred, geometry = letterbox_centred(image, 201, 200)
    assert (geometry.pad_y, geometry.pad_x) == (50, 0)
    assert (centred[:50] == 114).all() and (centred[50:150] == 0).all() and (centred[150:] == 114).all()
    corner, _ = letterbox_top_left(image, 200, 200)
    assert (corner[:100] == 0).all() and (corner[100:] == 114).all()


def test_detections_are_validated() -> None:
    with pytest.raises(ValueError, match=r"\[n, 4\]"):
        Detections(np.zeros((2, 4)), np.zeros(3), np.zeros(3))
    assert len(Detections.empty()) == 0
    assert TRUTH.above(0.75).class_id.tolist() == [3, 3]


def test_family_is_refused_by_its_own_constructor() -> None:
    with pytest.raises(ModelError, match="not of family 'yolox'"):
        load_family("yolox").from_signature(signature_of("yolov8"))
