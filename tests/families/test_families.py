"""Every family gives back boxes that were written into its raw outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from family_cases import CASES, FINE, HEIGHT, WIDTH

from detquant.errors import ModelError
from detquant.families import FAMILIES, Detections, Family, find_family, load_family
from detquant.families.letterbox import letterbox_centred, letterbox_top_left, stretch, stretch_from_corner

DETECTORS = [name for name in FAMILIES if name in CASES]
IMAGE = np.random.default_rng(0).integers(0, 256, (300, 240, 3), np.uint8)
# In pixels of IMAGE: two of one class apart, one of another class on the first.
TRUTH = Detections(
    np.array([[20, 30, 90, 120], [130, 170, 210, 270], [22, 30, 90, 118]], np.float32),
    np.array([0.9, 0.8, 0.7], np.float32),
    np.array([3, 3, 6]),
)


FACES = Detections(TRUTH.xyxy[:2], TRUTH.confidence[:2], np.zeros(2))
"""Of one class: what suppression leaves."""


def truth_of(name: str) -> Detections:
    return TRUTH if CASES[name].classes > 1 else FACES


def family_of(name: str) -> Family:
    return find_family(CASES[name].signature())[0]


def encode(name: str, family: Family) -> dict[str, np.ndarray]:
    """The truth as raw outputs, each box in the cell of stride 16 at its centre, the third one cell further."""
    outputs = CASES[name].empty()
    truth, (_, geometry) = truth_of(name), family.preprocess(IMAGE)
    for number, box in enumerate(geometry.to_input(truth.xyxy)):
        column, row = ((box[:2] + box[2:]) / 32).astype(int)
        cell = FINE + row * 12 + column + (number == 2)
        CASES[name].write(outputs, cell, box, truth.confidence[number], int(truth.class_id[number]))
    return outputs


def test_each_detector_has_a_case() -> None:
    missing = [name for name in FAMILIES if load_family(name).task == "detect" and name not in CASES]
    if missing:
        pytest.fail(
            f"No case for {', '.join(missing)}: add it to CASES in tests/families/family_cases.py.", pytrace=False
        )


@pytest.mark.parametrize("name", DETECTORS)
def test_boxes_come_back(name: str) -> None:
    family = family_of(name)
    outputs = encode(name, family)
    _, geometry = family.preprocess(IMAGE)
    found = family.decode(outputs, geometry, confidence=0.1)
    truth = truth_of(name)
    np.testing.assert_allclose(found.xyxy, truth.xyxy, atol=0.05)
    np.testing.assert_allclose(found.confidence, truth.confidence, atol=1e-5)
    np.testing.assert_array_equal(found.class_id, truth.class_id)
    assert len(family.decode(outputs, geometry, confidence=0.1, max_detections=1)) == 1
    assert len(family.decode(outputs, geometry, confidence=0.75)) == 2
    assert family.confident_cells(outputs).shape == (len(family.boxes(outputs)),)


@pytest.mark.parametrize("name", DETECTORS)
def test_tells_itself_from_the_others(name: str) -> None:
    family, reason = find_family(CASES[name].signature())
    assert (family.name, family.num_classes) == (name, CASES[name].classes)
    height, width = CASES[name].size
    assert (family.input_name, family.height, family.width) == ("images", height, width)
    assert family.classes[-1] == ("class 6" if CASES[name].classes > 1 else "face")
    assert name in reason and f"{height}x{width}" in reason
    assert [key for key in FAMILIES if load_family(key).matches(CASES[name].signature())] == [name]


@pytest.mark.parametrize("name", DETECTORS)
def test_input_is_contiguous_float32(name: str) -> None:
    tensor, _ = family_of(name).preprocess(IMAGE)
    assert tensor.shape == (1, 3, *CASES[name].size)
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
    broken = {key: np.full(shape, np.nan, np.float32) for key, shape in CASES[name].outputs.items()}
    for outputs in (CASES[name].empty(), broken):
        assert len(family.decode(outputs, geometry)) == 0
    huge = {key: np.full(shape, 300.0, np.float32) for key, shape in CASES[name].outputs.items()}
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
        load_family("yolox").from_signature(CASES["yolov8"].signature())
