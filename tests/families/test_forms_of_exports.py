"""Forms that exports of one family have besides the usual one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.ultraface import anchors
from detquant.families.yolo_fastestv2 import ANCHORS

IMAGE = {"i": (1, 3, 160, 192)}


def test_ultraface_tells_codes_from_corners_by_their_values() -> None:
    places = anchors(160, 192)
    shapes = {"scores": (1, len(places), 2), "boxes": (1, len(places), 4)}
    codes = {"scores": np.zeros(shapes["scores"]), "boxes": np.random.default_rng(0).normal(size=shapes["boxes"])}
    family, _ = find_family(Signature(IMAGE, shapes, sample=lambda: codes))
    assert not family.decoded and family.facts() == {"detquant.ultraface": "false"}
    nothing = {**codes, "boxes": np.zeros(shapes["boxes"])}
    half = places[:, 2:] / 2 * [192, 160]
    centres = places[:, :2] * [192, 160]
    np.testing.assert_allclose(
        family.boxes(nothing), np.concatenate([centres - half, centres + half], axis=1), atol=1e-3
    )
    again, _ = find_family(Signature(IMAGE, shapes, family.facts(), sample=lambda: nothing))
    assert not again.decoded


def test_anchors_of_the_published_ultraface() -> None:
    made = anchors(240, 320)
    assert made.shape == (4420, 4)
    np.testing.assert_allclose(made[0], [0.5 / 40, 0.5 / 30, 10 / 320, 10 / 240])
    np.testing.assert_allclose(made[-1], [4.5 / 5, 3.5 / 4, 256 / 320, 1])


def test_yolo_fastestv2_joined_maps_are_behind_their_activations() -> None:
    raw = {
        f"{kind}{n}": (1, channels, 160 // n, 192 // n)
        for n in (16, 32)
        for kind, channels in (("b", 12), ("o", 3), ("c", 7))
    }
    rng = np.random.default_rng(0)
    maps = {name: rng.normal(size=shape).astype(np.float32) for name, shape in raw.items()}
    first, reason = find_family(Signature(IMAGE, raw))
    assert "does not tell its anchors" in reason
    np.testing.assert_allclose(first.anchors[0, 0], np.array(ANCHORS[0][0]) * [192 / 352, 160 / 352], rtol=1e-6)
    joined = {}
    for n in (16, 32):
        box, chance = (1 / (1 + np.exp(-maps[f"{kind}{n}"])) for kind in "bo")
        powers = np.exp(maps[f"c{n}"])
        parts = np.concatenate([box, chance, powers / powers.sum(axis=1, keepdims=True)], axis=1)
        joined[f"m{n}"] = parts.transpose(0, 2, 3, 1)
    second, _ = find_family(Signature(IMAGE, {name: array.shape for name, array in joined.items()}, first.facts()))
    np.testing.assert_allclose(second.boxes(joined), first.boxes(maps), atol=0.1)  # anchors are written to 0.01
    np.testing.assert_allclose(second.scores(joined), first.scores(maps), rtol=1e-4)


@pytest.mark.parametrize("text", ["[1, 2]", "no", "[[0, 1], [1, 1], [1, 1], [1, 1], [1, 1], [1, 1]]", "{}"])
def test_anchors_that_are_none(text: str) -> None:
    raw = {f"{kind}{n}": (1, c, 160 // n, 192 // n) for n in (16, 32) for kind, c in (("b", 12), ("o", 3), ("c", 7))}
    with pytest.raises(ModelError, match="width and height of 6 anchors were expected"):
        find_family(Signature(IMAGE, raw, {"detquant.anchors": text}))


def test_nanodet_in_one_tensor_is_told_from_yolox_by_its_values() -> None:
    shape = (1, 630, 5 + 32)
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.random((1, 630, 5)), rng.normal(size=(1, 630, 32)) * 3], axis=2)
    family, _ = find_family(Signature(IMAGE, {"o": shape}, sample=lambda: {"o": values}))
    assert (family.name, family.num_classes) == ("nanodet", 5)
    np.testing.assert_allclose(family.scores({"o": values}), values[0, :, :5], rtol=1e-6)
    assert family.boxes({"o": values}).shape == (630, 4)
    other = values.copy()
    other[..., :4] *= 50  # boxes
    assert find_family(Signature(IMAGE, {"o": shape}, sample=lambda: {"o": other}))[0].name == "yolox"
    assert find_family(Signature(IMAGE, {"o": shape}))[0].name == "yolox"


def test_distributions_of_eleven_bins_are_told_by_the_names() -> None:
    named = {"detquant.classes": json.dumps(["a", "b", "c"])}
    family, _ = find_family(Signature(IMAGE, {"o": (1, 639, 3 + 44)}, named))
    assert family.name == "nanodet-plus"
    outputs = {"o": np.zeros((1, 639, 47), np.float32)}
    box = family.boxes(outputs)[0]
    np.testing.assert_allclose(box, [-40, -40, 40, 40])  # the middle of 0 to 10 cells, of 8 pixels


def test_paddles_decoded_boxes_are_picodets_by_their_cells() -> None:
    outputs = {"boxes": (1, 639, 4), "scores": (1, 7, 639)}
    family, _ = find_family(Signature({**IMAGE, "scale_factor": (1, 2)}, outputs))
    assert (family.name, family.num_classes) == ("picodet", 7)
    told = {"detquant.paddle": json.dumps({"mean": [1, 2, 3], "std": [4, 5, 6], "keep_ratio": True})}
    form = find_family(Signature(IMAGE, outputs, told))[0].form
    assert (form.mean, form.std, form.resize) == ((1, 2, 3), (4, 5, 6), "letterbox-top-left")
    for bad in ('{"mean": [1]}', "x", '{"mean": [1, 2, 3], "std": [0, 1, 1], "keep_ratio": false}'):
        assert find_family(Signature(IMAGE, outputs, {"detquant.paddle": bad}))[0].form.mean == (
            123.675,
            116.28,
            103.53,
        )


def test_key_points_of_faces_are_beside_boxes_and_scores() -> None:
    kinds = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    outputs = {f"{kind}_{n}": (1, (160 // n) * (192 // n), size) for kind, size in kinds for n in (8, 16, 32)}
    family, reason = find_family(Signature(IMAGE, outputs))
    assert family.besides is not None and family.besides.others == ("kps_8", "kps_16", "kps_32")
    assert "it gives key points for each box: kept and compared" in reason
    rows = {n: 2 * (160 // n) * (192 // n) for n in (8, 16, 32)}
    found, _ = find_family(Signature(IMAGE, {f"{k}{n}": (rows[n], s) for k, s in (("s", 1), ("b", 4)) for n in rows}))
    assert found.name == "scrfd" and found.besides is None
