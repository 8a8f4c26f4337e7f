"""Families that share shapes are told apart by values and metadata, or asked for in one sentence: never guessed wrong.

Each variant is made as a head of its kind makes it, of a seed, a number of classes, a size of the input, and a form of
export. A variant passes if it is found to be of its family, with its classes, or if one sentence asks for the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Family, Signature, find_family
from detquant.families.grid import cells

STRIDES = (8, 16, 32)
SIZES = ((96, 96), (160, 224), (320, 320), (416, 416), (640, 640))
COUNTS = (1, 2, 3, 20, 80)
SEEDS = range(3)
VARIANTS = list(itertools.product(SEEDS, COUNTS, SIZES))
FOUND = 40
Made = tuple[np.ndarray, int]


def names_of(count: int) -> dict[str, str]:
    return {"names": str([f"kind {number}" for number in range(count)])}


def boxes_of(rng: np.random.Generator, size: tuple[int, int], kind: str) -> np.ndarray:
    """Boxes of all cells as a head gives them for noise: centre and size in pixels, "grid" or "corners"."""
    place, stride = cells(*size, STRIDES)
    offset, scale = rng.normal(0, 0.5, place.shape), rng.normal(0.5, 0.6, place.shape)
    if kind == "grid":
        return np.hstack([offset, scale])
    centre, sides = (place + offset) * stride, np.exp(scale) * stride
    if kind == "corners":
        return np.hstack([centre - sides / 2, centre + sides / 2])
    rows = np.hstack([centre, sides])
    return rows


def chances(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    return 1 / (1 + np.exp(-rng.normal(-4, 1.5, (rows, count))))


def yolox(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    rows = boxes_of(rng, size, box)
    return np.hstack([rows, chances(rng, len(rows), 1 + count)])


def yolov6(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    rows = boxes_of(rng, size, box)
    return np.hstack([rows, np.ones((len(rows), 1)), chances(rng, len(rows), count)])


def yolov8(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    rows = boxes_of(rng, size, box)
    return np.hstack([rows, chances(rng, len(rows), count)])


def yolov5(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    return np.repeat(yolox(rng, size, count, box), 3, axis=0)


def obb(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    rows = yolov8(rng, size, count, box)
    return np.hstack([rows, (1 / (1 + np.exp(-rng.normal(0, 1.5, (len(rows), 1)))) - 0.25) * np.pi])


def end_to_end(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    rows = rng.permutation(boxes_of(rng, size, "corners"))[:FOUND]
    score = np.sort(chances(rng, len(rows), 1), axis=0)[::-1]
    return np.hstack([rows, score, rng.integers(0, count, (len(rows), 1))])


def rt_detr(rng: np.random.Generator, size: tuple[int, int], count: int, box: str) -> np.ndarray:
    return np.hstack([rng.uniform(0.05, 0.95, (FOUND, 4)), chances(rng, FOUND, count)])


HEADS: dict[str, tuple[Callable[..., np.ndarray], tuple[str, ...], tuple[bool, ...]]] = {
    "yolox": (yolox, ("grid", "pixels"), (True,)),
    "yolov6": (yolov6, ("pixels",), (True,)),
    "yolov8": (yolov8, ("pixels", "corners"), (False, True)),
    "yolov5": (yolov5, ("pixels",), (True,)),
    "yolov8-obb": (obb, ("pixels",), (False,)),
    "end-to-end": (end_to_end, ("corners",), (True,)),
    "rt-detr": (rt_detr, ("parts",), (True,)),
}
"""How a head's rows are made, the forms of its boxes, and whether its output is [1, rows, values]."""


def found(rows: np.ndarray, *, turned: bool, size: tuple[int, int], metadata: dict) -> Family:
    array = (rows if turned else rows.T)[None].astype(np.float32)
    outputs = {"out": array}
    return find_family(Signature({"images": (1, 3, *size)}, {"out": array.shape}, metadata, sample=lambda: outputs))[0]


@pytest.mark.parametrize("name", HEADS)
def test_each_variant_is_told(name: str) -> None:
    make, forms, ways = HEADS[name]
    wrong = []
    for (seed, count, size), form, turned in itertools.product(VARIANTS, forms, ways):
        rows = make(np.random.default_rng(seed), size, count, form)
        family = found(rows, turned=turned, size=size, metadata=names_of(count))
        if (family.name, family.num_classes) != (name, count):
            wrong.append((seed, count, size, form, turned, family.name, family.num_classes))
        elif name == "yolox":
            assert family.reading["boxes"] == {"grid": "grid", "pixels": "cxcywh"}[form]
    assert not wrong, f"{len(wrong)} of {len(VARIANTS) * len(forms) * len(ways)}: {wrong[:5]}"


@pytest.mark.parametrize("name", ["yolox", "yolov6", "yolov5", "end-to-end"])
def test_each_variant_of_coco_is_told_without_names(name: str) -> None:
    make, forms, ways = HEADS[name]
    for seed, size, form, turned in itertools.product(SEEDS, SIZES, forms, ways):
        rows = make(np.random.default_rng(seed), size, 80, form)
        family = found(rows, turned=turned, size=size, metadata={})
        assert (family.name, family.num_classes) == (name, 80)


@pytest.mark.parametrize(("seed", "count", "size"), VARIANTS)
def test_raw_maps_of_anchors_are_asked_for_and_those_of_yolov8_are_not(
    seed: int, count: int, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    image = {"images": (1, 3, *size)}
    anchored = {
        f"m{n}": rng.normal(-1, 2, (1, 3 * (5 + count), size[0] // n, size[1] // n)).astype(np.float32) for n in STRIDES
    }
    shapes = {name: one.shape for name, one in anchored.items()}
    for metadata in ({}, names_of(count)):
        with pytest.raises(ModelError, match="the file does not tell them: say --anchors yolov5 or"):
            find_family(Signature(image, shapes, metadata, sample=lambda: anchored))
    plain = {name: rng.uniform(0, 1, (1, 5 + count, *one.shape[2:])) for name, one in anchored.items()}
    for one in plain.values():
        one[:, 4] = one[:, 5:].max(axis=1)
    shapes = {name: one.shape for name, one in plain.items()}
    family, _ = find_family(Signature(image, shapes, names_of(count), sample=lambda: plain))
    assert (family.name, family.num_classes) == ("yolov8-maps", count)


Maps = dict[str, np.ndarray]


def distance_maps(rng: np.random.Generator, size: tuple[int, int], count: int, sides: int, *, logits: bool) -> Maps:
    """Of each stride distances (or distributions of them) and class scores, as a head gives them for noise."""
    made = {}
    for n in STRIDES:
        place = size[0] // n, size[1] // n
        box = rng.normal(0, 2, (1, sides, *place)) if sides > 4 else rng.gamma(2, 1.5, (1, sides, *place))
        scores = rng.normal(-4, 1.2, (1, count, *place))
        made |= {f"box{n}": box, f"class{n}": scores if logits else 1 / (1 + np.exp(-scores))}
    return made


def in_one(maps: Maps, first: str, second: str) -> Maps:
    return {f"out{n}": np.concatenate([maps[f"{first}{n}"], maps[f"{second}{n}"]], axis=1) for n in STRIDES}


def with_total(maps: Maps) -> Maps:
    return maps | {f"sum{n}": np.clip(maps[f"class{n}"].sum(axis=1, keepdims=True), 0, 1) for n in STRIDES}


def in_pixels(maps: Maps) -> Maps:
    return {name: one * int(name[3:]) if name.startswith("box") else one for name, one in maps.items()}


DISTANCES: dict[str, tuple[int, bool, Callable[[Maps], Maps], str | None]] = {
    "yolov8": (64, True, lambda maps: maps, "yolov8-maps"),
    "yolov8 for an NPU": (64, False, with_total, "yolov8-maps"),
    "yolov8 joined": (64, True, lambda maps: in_one(maps, "box", "class"), "yolov8-maps"),
    "yolov6 by its own export": (4, False, lambda maps: in_one(maps, "class", "box"), "yolov6-maps"),
    "rtmdet": (4, True, in_pixels, "rtmdet-maps"),
    "rtmdet behind a sigmoid": (4, False, in_pixels, None),
    "yolov6 for an NPU": (4, False, with_total, None),
    "ppyoloe": (68, False, lambda maps: maps, None),
    "damo-yolo nano": (32, False, lambda maps: maps, None),
}
"""Channels of distances, whether scores are logits, the form, and the family; None where it is to be asked for."""


@pytest.mark.parametrize("kind", DISTANCES)
def test_raw_maps_of_distances_are_told_or_asked_for(kind: str) -> None:
    sides, logits, form, expected = DISTANCES[kind]
    for seed, count, size in itertools.product(SEEDS, COUNTS, SIZES[:3]):
        maps = form(distance_maps(np.random.default_rng(seed), size, count, sides, logits=logits))
        ends = {name: "Mul" if name.startswith("box") else "Conv" for name in maps} if "rtmdet" in kind else {}
        shapes = {name: one.shape for name, one in maps.items()}
        signature = Signature({"images": (1, 3, *size)}, shapes, names_of(count), ends, sample=lambda maps=maps: maps)
        if expected is None:
            with pytest.raises(ModelError, match="this file does not tell of which: say --family yolov6-maps"):
                find_family(signature)
        else:
            family, _ = find_family(signature)
            assert (family.name, family.num_classes) == (expected, count)
