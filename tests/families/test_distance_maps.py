"""Raw maps of distances: what tells which they are, in which forms they come, and what is asked for."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Family, Signature, find_family
from detquant.families.grid import cells

SIZE = (96, 160)
STRIDES = (8, 16, 32)
CELLS = sum(96 // n * 160 // n for n in STRIDES)
Maps = dict[str, np.ndarray]


def names_of(count: int) -> dict[str, str]:
    return {"detquant.classes": json.dumps([f"kind {number}" for number in range(count)])}


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def maps_of(classes: int, sides: int, *, logits: bool = False, pixels: bool = False, seed: int = 0) -> Maps:
    """Of each stride "box" and "class", as a trained head gives them on noise: hardly anything is seen."""
    rng, made = np.random.default_rng(seed), {}
    for n in STRIDES:
        place = SIZE[0] // n, SIZE[1] // n
        box = rng.normal(0, 2, (1, sides, *place)) if sides > 4 else rng.uniform(0.5, 6, (1, sides, *place))
        scores = rng.normal(-5, 1.2, (1, classes, *place))
        made[f"box{n}"] = (box * n if pixels else box).astype(np.float32)
        made[f"class{n}"] = (scores if logits else sigmoid(scores)).astype(np.float32)
    return made


def joined(maps: Maps, first: str, second: str) -> Maps:
    return {f"out{n}": np.concatenate([maps[f"{first}{n}"], maps[f"{second}{n}"]], axis=1) for n in STRIDES}


def found(maps: Maps, metadata: dict | None = None, name: str = "auto", ends: dict | None = None) -> Family:
    shapes = {key: one.shape for key, one in maps.items()}
    image = {"images": (1, 3, *SIZE)}
    return find_family(Signature(image, shapes, metadata or {}, ends or {}, sample=lambda: maps), name)[0]


def expected_boxes(maps: Maps, offset: float, unit: bool = True) -> np.ndarray:
    """Corners by plain loops over the maps."""
    rows = []
    for n in STRIDES:
        box = maps[f"box{n}"][0]
        bins = box.shape[0] // 4
        for y, x in itertools.product(range(box.shape[1]), range(box.shape[2])):
            sides = box[:, y, x].reshape(4, bins).astype(np.float64)
            if bins > 1:
                chance = np.exp(sides) / np.exp(sides).sum(axis=1, keepdims=True)
                sides = (chance * np.arange(bins)).sum(axis=1, keepdims=True)
            left, top, right, bottom = sides[:, 0] * (n if unit else 1)
            at_x, at_y = (x + offset) * n, (y + offset) * n
            rows.append([at_x - left, at_y - top, at_x + right, at_y + bottom])
    return np.array(rows)


@pytest.mark.parametrize(
    ("name", "sides", "offset"),
    [
        ("yolov6-maps", 4, 0.5),
        ("yolov6-maps", 68, 0.5),
        ("ppyoloe-maps", 4, 0.5),
        ("ppyoloe-maps", 68, 0.5),
        ("damo-yolo-maps", 68, 0.0),
        ("damo-yolo-maps", 32, 0.0),
        ("rtmdet-maps", 4, 0.0),
        ("yolov8-maps", 64, 0.5),
    ],
)
@pytest.mark.parametrize("logits", [False, True])
def test_boxes_and_scores_are_those_of_the_publishers_code(name: str, sides: int, offset: float, logits: bool) -> None:
    maps = maps_of(3, sides, logits=logits)
    family = found(maps, names_of(3), name)
    scores = np.concatenate([maps[f"class{n}"][0].reshape(3, -1).T for n in STRIDES])
    assert family.num_classes == 3 and family.fits(maps)
    np.testing.assert_allclose(family.scores(maps), sigmoid(scores) if logits else scores, rtol=1e-5)
    np.testing.assert_allclose(family.boxes(maps), expected_boxes(maps, offset), rtol=1e-4, atol=1e-3)
    last = {key: one.transpose(0, 2, 3, 1) for key, one in maps.items()}
    again = found(last, names_of(3), name)
    np.testing.assert_array_equal(again.boxes(last), family.boxes(maps))
    np.testing.assert_array_equal(again.scores(last), family.scores(maps))
    back = found({key: maps[key] for key in reversed(maps)}, {**names_of(3), **family.written()}, name)
    np.testing.assert_array_equal(back.scores(maps), family.scores(maps))


@pytest.mark.parametrize(("classes", "sides"), list(itertools.product((1, 3, 4, 64, 80), (4, 68))))
def test_what_several_detectors_give_is_asked_for_in_a_sentence(classes: int, sides: int) -> None:
    for logits in (False, True):
        with pytest.raises(ModelError, match=r"say --family yolov6-maps \(YOLOv6, Gold-YOLO\), ppyoloe-maps"):
            found(maps_of(classes, sides, logits=logits))


@pytest.mark.parametrize("classes", [1, 3, 4, 20, 64, 80])
@pytest.mark.parametrize("logits", [False, True])
def test_distributions_of_16_bins_are_yolov8s(classes: int, logits: bool) -> None:
    maps = maps_of(classes, 64, logits=logits)
    assert found(maps).name == "yolov8-maps" and found(maps).num_classes == classes
    total = {f"sum{n}": np.clip(maps[f"class{n}"].sum(axis=1, keepdims=True), 0, 1) for n in STRIDES}
    if not logits:
        assert found(maps | total).num_classes == classes
    if classes > 1:
        objects = {key: np.full_like(one, 0.5) for key, one in total.items()}
        with pytest.raises(ModelError, match="of no known family"):
            found(maps | objects)


def test_scores_of_64_classes_are_no_distributions() -> None:
    for logits in (False, True):
        with pytest.raises(ModelError, match="say --family"):
            found(maps_of(64, 4, logits=logits))
    assert found(maps_of(64, 4), name="yolov6-maps").num_classes == 64


@pytest.mark.parametrize("classes", [1, 2, 3, 20, 80])
def test_one_map_a_stride_is_told_by_names_or_by_a_sigmoid_else_asked_for(classes: int) -> None:
    raw, behind = (joined(maps_of(classes, 64, logits=logits), "box", "class") for logits in (True, False))
    for maps, metadata in ((raw, names_of(classes)), (behind, {}), (behind, names_of(classes))):
        family = found(maps, metadata)
        assert (family.name, family.num_classes) == ("yolov8-maps", classes)
    plain = maps_of(classes, 64, logits=True)
    np.testing.assert_allclose(
        found(raw, names_of(classes)).boxes(raw), expected_boxes(plain, 0.5), rtol=1e-4, atol=1e-3
    )
    assert found(raw, name="yolov8-maps").num_classes == classes
    if (64 + classes) % 3 == 0:
        with pytest.raises(ModelError, match=r"say --anchors .*say --family yolov8-maps or yolov6-maps"):
            found(raw)


@pytest.mark.parametrize("classes", [1, 3, 20, 80])
def test_scores_and_then_distances_in_one_map_are_yolov6s(classes: int) -> None:
    maps = maps_of(classes, 4)
    whole = joined(maps, "class", "box")
    family = found(whole)
    assert (family.name, family.num_classes) == ("yolov6-maps", classes)
    np.testing.assert_allclose(family.boxes(whole), expected_boxes(maps, 0.5), rtol=1e-5, atol=1e-3)


def test_rtmdet_is_told_by_the_product_at_its_end() -> None:
    maps = maps_of(3, 4, logits=True, pixels=True)
    ends = {key: "Mul" if "box" in key else "Conv" for key in maps}
    family = found(maps, names_of(3), ends=ends)
    assert family.name == "rtmdet-maps" and family.reading["unit"] == "pixels"
    np.testing.assert_allclose(family.boxes(maps), expected_boxes(maps, 0.0, unit=False), rtol=1e-5, atol=1e-3)
    for others, other_ends in ((maps, {}), (maps_of(3, 4, pixels=True), ends), (maps_of(3, 4, logits=True), ends)):
        with pytest.raises(ModelError, match="say --family"):
            found(others, names_of(3), ends=other_ends)


def test_words_and_values_say_the_unit_of_distances() -> None:
    maps = maps_of(3, 4, logits=True)
    family = found(maps, names_of(3), "rtmdet-maps")
    assert family.reading["unit"] == "cells" and "cells" in json.loads(family.written()["detquant.reading"])
    told = family.read_as({"unit": "pixels"})
    np.testing.assert_allclose(told.boxes(maps), expected_boxes(maps, 0.0, unit=False), rtol=1e-5, atol=1e-3)
    unclear = {
        key: one * (1.4 if key.endswith("16") else 1.96 if key.endswith("32") else 1) for key, one in maps.items()
    }
    assert found(unclear, names_of(3), "rtmdet-maps").reading["unit"] == "pixels"
    for name, sides, word in (("ppyoloe-maps", 68, "pixels"), ("yolov6-maps", 4, "parts")):
        with pytest.raises(ModelError, match=f"'{word}' means nothing for the family {name}"):
            found(maps_of(3, sides), names_of(3), name).read_as({"unit": word})


def test_the_channel_too_many_of_the_first_damo_yolos_is_left_out() -> None:
    for metadata, channels, classes in ((names_of(3), 4, 3), (names_of(4), 4, 4), ({}, 81, 80), ({}, 80, 80)):
        maps = maps_of(channels, 68)
        family = found(maps, metadata, "damo-yolo-maps")
        assert family.num_classes == classes and family.scores(maps).shape == (len(cells(*SIZE, STRIDES)[0]), classes)


def test_paddles_file_says_how_images_are_prepared() -> None:
    told = {"detquant.paddle": json.dumps({"mean": [1, 2, 3], "std": [4, 5, 6], "keep_ratio": False})}
    family = found(maps_of(3, 68), names_of(3) | told, "ppyoloe-maps")
    assert (family.form.mean, family.form.std) == ((1, 2, 3), (4, 5, 6)) and family.facts().keys() == told.keys()


def test_other_strides_follow_from_the_sizes() -> None:
    maps = maps_of(3, 64)
    finer = {f"{kind}4": np.zeros((1, {"box": 64, "class": 3}[kind], 24, 40), np.float32) for kind in ("box", "class")}
    assert found(finer | maps, names_of(3)).boxes(finer | maps).shape == (24 * 40 + CELLS, 4)
    with pytest.raises(ModelError, match="of no known family"):
        found({key: one for key, one in maps.items() if not key.endswith("32")}, names_of(3))
