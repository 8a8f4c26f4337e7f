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


@pytest.mark.parametrize("points", [True, False])
def test_retinaface_tells_codes_from_corners_and_logits_from_chances_by_their_values(points: bool) -> None:
    rows = 2 * 630
    shapes = {"boxes": (1, rows, 4), "scores": (1, rows, 2)} | ({"points": (1, rows, 10)} if points else {})
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    family, _ = find_family(Signature(IMAGE, shapes, sample=lambda: values))
    assert (family.name, family.decoded, family.chances) == ("retinaface", False, False)
    powers = np.exp(values["scores"][0])
    np.testing.assert_allclose(family.scores(values)[:, 0], powers[:, 1] / powers.sum(axis=1), rtol=1e-5)
    nothing = {name: np.zeros_like(one) for name, one in values.items()}
    np.testing.assert_allclose(family.boxes(nothing)[:2], [[-4, -4, 12, 12], [-12, -12, 20, 20]])
    np.testing.assert_allclose(
        family.boxes(nothing)[-1], [5.5 * 32 - 256, 4.5 * 32 - 256, 5.5 * 32 + 256, 4.5 * 32 + 256]
    )
    corners = np.sort(rng.random((1, rows, 2, 2)), axis=2).reshape(1, rows, 4).astype(np.float32)
    ready = {**values, "boxes": corners, "scores": np.float32([[[0.9, 0.1]]]).repeat(rows, axis=1)}
    other, _ = find_family(Signature(IMAGE, shapes, sample=lambda: ready))
    assert (other.decoded, other.chances) == (True, True) and (other.besides is not None) is points
    np.testing.assert_allclose(other.boxes(ready), corners[0] * [192, 160, 192, 160], rtol=1e-5)
    again, _ = find_family(Signature(IMAGE, shapes, other.facts(), sample=lambda: values))
    assert (again.decoded, again.chances) == (True, True)
    bad = {"detquant.retinaface": '{"decoded": 1}'}
    assert find_family(Signature(IMAGE, shapes, bad, sample=lambda: values))[0].decoded is False


def test_batched_nms_is_told_by_its_names_and_its_unit_by_values() -> None:
    shapes = {"num_detections": (1, 1), "nmsed_boxes": (1, 9, 4), "nmsed_scores": (1, 9), "nmsed_classes": (1, 9)}
    box = np.array([0.1, 0.2, 0.5, 0.9], np.float32)
    values = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    values["num_detections"][:], values["nmsed_boxes"][0, 0], values["nmsed_scores"][0, 0] = 1, box, 0.9
    values["nmsed_classes"][0, 0] = 2
    for scale, unit in ((1, "parts"), (100, "pixels")):
        given = {**values, "nmsed_boxes": values["nmsed_boxes"] * scale}
        family, _ = find_family(Signature(IMAGE, shapes, sample=lambda given=given: given))
        assert family.name == "efficient-nms" and family.reading["unit"] == unit
        expected = box * ([192, 160, 192, 160] if unit == "parts" else 100)
        np.testing.assert_allclose(family.boxes(given)[0], expected, rtol=1e-6)
        assert family.scores(given)[0].argmax() == 2 and not family.scores(given)[1:].any()
    theirs = {{"num_detections": "valid_detections"}.get(name, name): shape for name, shape in shapes.items()}
    tensorflow = {name: values[old] for name, old in zip(theirs, shapes, strict=True)}
    assert find_family(Signature(IMAGE, theirs, sample=lambda: tensorflow))[0].name == "ssd-postprocessed"
