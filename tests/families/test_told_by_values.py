"""What the values of an output on noise show: they are made here as heads of each kind make them."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.grid import cells

HEIGHT, WIDTH, CLASSES = 320, 416, 5
STRIDES = (8, 16, 32)
INPUT = {"images": (1, 3, HEIGHT, WIDTH)}
PLACE, STRIDE = cells(HEIGHT, WIDTH, STRIDES)
ROWS = len(PLACE)
RNG = np.random.default_rng(0)
DISTANCES = RNG.uniform(0, 6, (ROWS, 4))
CENTRES = (PLACE + 0.5) * STRIDE
CORNERS = np.concatenate([CENTRES - DISTANCES[:, :2] * STRIDE, CENTRES + DISTANCES[:, 2:] * STRIDE], axis=1)
SIZED = np.concatenate([(CORNERS[:, :2] + CORNERS[:, 2:]) / 2, CORNERS[:, 2:] - CORNERS[:, :2]], axis=1)
SIDES = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
CHANCES = RNG.uniform(0, 0.1, (ROWS, CLASSES))


def family_of(matrix: np.ndarray, *, turned: bool = False, metadata: dict | None = None):
    array = matrix[None] if turned else matrix.T[None]
    outputs = {"out": array.astype(np.float32)}
    said = {"names": str([f"thing {number}" for number in range(CLASSES)])} if metadata is None else metadata
    signature = Signature(INPUT, {"out": array.shape}, said, sample=lambda: outputs)
    return find_family(signature)[0]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("scores", ["chances", "logits"])
@pytest.mark.parametrize(
    ("box", "boxes", "unit"),
    [
        (SIZED, "cxcywh", "pixels"),
        (SIZED / SIDES, "cxcywh", "parts"),
        (CORNERS, "xyxy", "pixels"),
        (CORNERS / SIDES, "xyxy", "parts"),
        (np.hstack([CORNERS[:, :2], SIZED[:, 2:]]), "xywh", "pixels"),
        (np.hstack([CORNERS[:, :2], SIZED[:, 2:]]) / SIDES, "xywh", "parts"),
        (CORNERS[:, [1, 0, 3, 2]], "yxyx", "pixels"),
        ((CORNERS / SIDES)[:, [1, 0, 3, 2]], "yxyx", "parts"),
        (DISTANCES, "ltrb", "pixels"),
    ],
)
def test_yolov8_in_all_its_forms(box: np.ndarray, boxes: str, unit: str, scores: str, turned: bool) -> None:
    values = CHANCES if scores == "chances" else np.log(CHANCES / (1 - CHANCES))
    family = family_of(np.hstack([box, values]), turned=turned)
    assert (family.name, family.num_classes) == ("yolov8", CLASSES)
    reading = family.reading
    assert (reading["boxes"], reading["unit"], reading["scores"]) == (boxes, unit, scores)
    matrix = np.hstack([box, values]).astype(np.float32)
    output = {"out": matrix[None] if turned else matrix.T[None]}
    np.testing.assert_allclose(family.boxes(output), CORNERS, atol=1e-2)
    np.testing.assert_allclose(family.scores(output), CHANCES, atol=1e-5)


@pytest.mark.parametrize(("objectness", "name"), [(1.0, "yolov6"), (0.3, "yolox")])
def test_decoded_yolox_and_yolov6(objectness: float, name: str) -> None:
    family = family_of(np.hstack([SIZED, np.full((ROWS, 1), objectness), CHANCES]), turned=True)
    assert (family.name, family.reading["boxes"], family.num_classes) == (name, "cxcywh", CLASSES)
    assert family.form.rgb == (name == "yolov6")


def test_yolox_that_is_not_decoded_stays_so() -> None:
    relative = RNG.normal(0, 1, (ROWS, 4))
    family = family_of(np.hstack([relative, np.full((ROWS, 1), 0.3), CHANCES]), turned=True)
    assert (family.name, family.reading["boxes"]) == ("yolox", "grid")


@pytest.mark.parametrize("by_cell", [False, True])
def test_yolov5_in_parts_in_both_orders(by_cell: bool) -> None:
    each = np.hstack([SIZED / SIDES, np.full((ROWS, 1), 0.3), CHANCES])
    levels = np.split(each, np.cumsum([40 * 52, 20 * 26]))
    rows = np.repeat(each, 3, axis=0) if by_cell else np.concatenate([np.tile(one, (3, 1)) for one in levels])
    family = family_of(rows, turned=True)
    assert (family.name, family.reading["unit"], family.reading["boxes"]) == ("yolov5", "parts", "cxcywh")


def test_values_that_show_nothing_change_nothing() -> None:
    for matrix in (np.zeros((ROWS, 9)), np.full((ROWS, 9), np.nan), np.hstack([RNG.random((ROWS, 4)) * 400, CHANCES])):
        family = family_of(matrix)
        assert family.reading["boxes"] == "cxcywh" and family.reading["unit"] == "pixels"


def test_key_points_are_no_scores() -> None:
    family = family_of(np.hstack([SIZED, CHANCES, CORNERS]), metadata={})
    assert family.num_classes == CLASSES and family.besides is not None and family.besides.values == 4
    parts = np.hstack([SIZED / SIDES, CHANCES, np.clip(CORNERS / SIDES, 0, 1)])
    family = family_of(parts, metadata={})
    assert family.num_classes == CLASSES and family.besides is not None and family.besides.values == 4
    with pytest.raises(ModelError, match="which no score does"):
        family_of(np.hstack([SIZED, CORNERS]), metadata={})


@pytest.mark.parametrize(
    ("last", "names", "name"),
    [
        (RNG.integers(0, 80, 300), None, "end-to-end"),
        (RNG.integers(0, 2, 300), ["a", "b"], "end-to-end"),
        (RNG.uniform(0.01, 0.9, 300), ["a", "b"], "rt-detr"),
        (np.zeros(300), None, "end-to-end"),
    ],
)
@pytest.mark.parametrize("parts", [False, True])
def test_six_values_a_row(last: np.ndarray, names: list | None, name: str, parts: bool) -> None:
    box = CORNERS[:300] / SIDES if parts or name == "rt-detr" else CORNERS[:300]
    rows = np.hstack([np.clip(box, 0, None), np.full((300, 1), 0.5), last[:, None]])
    family = family_of(rows, turned=True, metadata={} if names is None else {"names": str(names)})
    assert family.name == name and family.num_classes == (80 if names is None else 2)
    assert family.reading["unit"] == ("parts" if parts or name == "rt-detr" else "pixels")


def test_what_is_written_is_not_guessed_again() -> None:
    family = family_of(np.hstack([SIZED / SIDES, CHANCES]))
    names = {"names": str([f"thing {number}" for number in range(CLASSES)])}
    blind = Signature(INPUT, {"out": (1, 4 + CLASSES, ROWS)}, {**names, **family.written()})
    assert find_family(blind)[0].reading == family.reading
