"""The family whose metadata tells how it is decoded: entries that are read back, codings, and entries that are not."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from detquant.families import COCO_NAMES, Signature, find_family
from detquant.families.coco_ids import COCO_IDS
from detquant.families.ssd_layout import KEY, SSDLayout, read_layout
from detquant.families.ssd_raw import SSDRaw

ANCHORS = np.array([[0.5, 0.5, 0.2, 0.4], [0.1, 0.9, 0.3, 0.1], [0.3, 0.4, 0.5, 0.6]], np.float32)
LAYOUT = SSDLayout(boxes="b", classes="c", anchors=ANCHORS, variances=(0.1, 0.1, 0.2, 0.2))


def family_of(layout: SSDLayout, values: int = 4, metadata: dict[str, str] | None = None) -> Any:
    shapes = {"b": (1, 3, 4), "c": (1, 3, values)}
    signature = Signature({"image": (1, 3, 100, 200)}, shapes, {KEY: layout.to_json()} | (metadata or {}))
    return find_family(signature, "ssd")[0]


def test_an_entry_is_read_as_it_was_written() -> None:
    layout = replace(
        LAYOUT,
        coding="corners",
        order="yxhw",
        scores="softmax",
        background=None,
        best_only=True,
        clip=True,
        rgb=False,
        resize="stretch-from-corner",
    )
    read = read_layout({KEY: layout.to_json()})
    assert read is not None
    for field in fields(SSDLayout):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(layout, field.name))


@pytest.mark.parametrize(
    "change",
    [
        {"anchors": ""},
        {"anchors": "AAAA"},
        {"anchors": 7},
        {"anchors": "AADAfwAAwH8AAMB/AADAfw=="},  # NaN
        {"variances": [1, 2]},
        {"variances": [1, 2, 3, None]},
        {"coding": "polar"},
        {"order": "xywx"},
        {"scores": "tanh"},
        {"nms_iou": 2},
        {"max_detections": 0},
        {"std": [1, 1, 0]},
        {"resize": "crop"},
        {"background": "x"},
        {"mean": [float("inf"), 0, 0]},
    ],
)
def test_an_entry_that_makes_no_sense(change: dict[str, Any]) -> None:
    assert read_layout({KEY: json.dumps(json.loads(LAYOUT.to_json()) | change)}) is None
    assert read_layout({KEY: "[" * 100_000}) is None
    assert read_layout({}) is None


def test_corners_are_moved_one_by_one() -> None:
    layout = replace(LAYOUT, coding="corners", variances=(0.1, 0.2, 0.3, 0.4))
    codes = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [-1, 0, 0, 2]], np.float32)
    found = family_of(layout).boxes({"b": codes[None], "c": np.zeros((1, 3, 4))})
    parts = [[0.5, 0.5, 0.9, 1.1], [-0.05, 0.85, 0.25, 0.95], [-0.05, 0.1, 0.55, 1.5]]
    np.testing.assert_allclose(found, np.array(parts) * [200, 100, 200, 100], rtol=1e-5)
    clipped = family_of(replace(layout, clip=True)).boxes({"b": codes[None], "c": np.zeros((1, 3, 4))})
    np.testing.assert_allclose(clipped, np.clip(parts, 0, 1) * [200, 100, 200, 100], rtol=1e-5)


@pytest.mark.parametrize(("background", "columns"), [(0, [1, 2, 3]), (2, [0, 1, 3]), (None, [0, 1, 2, 3])])
def test_the_background_is_left_out(background: int | None, columns: list[int]) -> None:
    scores = np.random.default_rng(0).random((1, 3, 4), np.float32)
    family = family_of(replace(LAYOUT, background=background))
    np.testing.assert_array_equal(family.scores({"c": scores}), scores[0][:, columns])
    best = family_of(replace(LAYOUT, background=background, best_only=True)).scores({"c": scores})
    things = scores[0][:, columns]
    np.testing.assert_array_equal(best, things * (things == things.max(axis=1, keepdims=True)))


def test_it_is_told_in_words_that_a_user_knows() -> None:
    said = SSDRaw.expected(300, 300)
    assert "anchors that the file tells" in said and "detquant." not in said


def test_ninety_classes_are_cocos_ids() -> None:
    scores = np.random.default_rng(0).random((1, 3, 91), np.float32)
    family = family_of(LAYOUT, 91)
    assert family.classes == COCO_NAMES
    np.testing.assert_array_equal(family.scores({"c": scores}), scores[0][:, list(COCO_IDS)])
    named = family_of(LAYOUT, 91, {"detquant.classes": json.dumps([str(one) for one in range(90)])})
    np.testing.assert_array_equal(named.scores({"c": scores}), scores[0][:, 1:])


@pytest.mark.parametrize(
    ("layout", "shapes"),
    [
        (LAYOUT, {"b": (1, 3, 4), "d": (1, 3, 4)}),
        (LAYOUT, {"b": (1, 4, 3), "c": (1, 3, 4)}),
        (LAYOUT, {"b": (1, 2, 4), "c": (1, 2, 4)}),
        (LAYOUT, {"b": (1, 3, 4), "c": (1, 3, 1)}),
        (replace(LAYOUT, background=9), {"b": (1, 3, 4), "c": (1, 3, 4)}),
    ],
)
def test_shapes_that_are_others(layout: SSDLayout, shapes: dict[str, Any]) -> None:
    signature = Signature({"image": (1, 3, 100, 200)}, shapes, {KEY: layout.to_json()})
    assert type(family_of(LAYOUT)).matches(signature) is None
