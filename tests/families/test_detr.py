"""What the classes of a DETR's queries are, and how its images are prepared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import COCO_NAMES, Signature, find_family
from detquant.families.detr_topk import find_roles

IMAGE = {"input": (1, 3, 64, 96)}


def names(count: int) -> dict[str, str]:
    return {"detquant.classes": json.dumps([f"thing {number}" for number in range(count)])}


@pytest.mark.parametrize(
    ("outputs", "metadata", "count", "normalised", "columns"),
    [
        ({"dets": 4, "labels": 91}, {}, 80, True, [1, 2, 90]),
        ({"dets": 4, "labels": 8}, names(7), 7, True, [0, 1, 6]),
        ({"dets": 4, "labels": 7}, names(7), 7, True, [0, 1, 6]),
        ({"logits": 80, "pred_boxes": 4}, {}, 80, False, [0, 1, 79]),
        ({"logits": 92, "pred_boxes": 4}, {}, 80, True, [1, 2, 90]),
        ({"logits": 4, "pred_boxes": 4}, {}, 4, False, [0, 1, 3]),
        ({"boxes": 4, "scores": 1}, {}, 1, False, [0, 0, 0]),
    ],
)
def test_classes_and_images(outputs: dict, metadata: dict, count: int, normalised: bool, columns: list[int]) -> None:
    shapes = {name: (1, 30, values) for name, values in outputs.items()}
    family, _ = find_family(Signature(IMAGE, shapes, metadata))
    assert family.name == "detr" and family.num_classes == count
    assert any(family.form.mean) is normalised
    found = family.columns
    assert [found[0], found[min(1, count - 1)], found[-1]] == columns
    if count == 80:
        assert family.classes == COCO_NAMES


def test_a_softmax_leaves_what_is_none() -> None:
    family, _ = find_family(Signature(IMAGE, {"logits": (1, 100, 92), "pred_boxes": (1, 100, 4)}))
    logits = np.full((1, 100, 92), -9.0)
    logits[0, 3, 1], logits[0, :, 91] = 9.0, 9.0
    outputs = {"logits": logits, "pred_boxes": np.full((1, 100, 4), 0.5)}
    scores = family.scores(outputs)
    assert scores[3, 0] == pytest.approx(0.5, abs=1e-3) and scores[4].max() < 1e-6
    np.testing.assert_allclose(family.boxes(outputs)[0], [24, 16, 72, 48])


def test_values_show_that_scores_are_chances() -> None:
    shapes = {"logits": (1, 30, 5), "pred_boxes": (1, 30, 4)}
    values = {name: np.full(shape, 0.25) for name, shape in shapes.items()}
    family, _ = find_family(Signature(IMAGE, shapes, sample=lambda: values))
    assert family.reading["scores"] == "chances" and family.scores(values).max() == 0.25
    assert family.kept_reading() == {"scores": "chances"} and family.fits(values)


def test_anchors_are_no_queries() -> None:
    """A small SSD-MobileNet has as many; more than any DETR has are none."""
    shapes = {"boxes": (1, 630, 4), "classes": (1, 630, 8)}
    assert find_family(Signature({"i": (1, 3, 160, 192)}, shapes))[0].name == "ssd-mobilenet"
    with pytest.raises(ModelError, match="no known family"):
        find_family(Signature(IMAGE, {"boxes": (1, 1001, 4), "classes": (1, 1001, 8)}))


def test_labels_come_first_unless_a_name_tells() -> None:
    assert find_roles(Signature({}, {"a": (1, 9), "b": (1, 9, 4), "c": (1, 9)})).labels == "a"
    assert find_roles(Signature({}, {"scores": (1, 9), "b": (1, 9, 4), "labels": (1, 9)})).labels == "labels"
    assert find_roles(Signature({}, {"a": (1, 9), "b": (1, 9, 4), "c": (1, 8)})) is None


def test_boxes_in_parts_without_the_input_that_tells_the_size() -> None:
    shapes = {"labels": (1, 9), "boxes": (1, 9, 4), "scores": (1, 9)}
    values = {name: np.full(shape, 0.5) for name, shape in shapes.items()}
    family, _ = find_family(Signature(IMAGE, shapes, sample=lambda: values))
    assert family.name == "detr-topk" and family.reading["unit"] == "parts"
    np.testing.assert_allclose(family.boxes(values)[0], [48, 32, 48, 32])
