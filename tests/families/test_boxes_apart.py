"""Boxes whose form the shapes do not tell: read as the family that is meant, or asked for in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.grid import cells
from detquant.families.reading import reading_entry

STRIDES = (8, 16, 32)
SIZES = ((96, 96), (160, 224), (320, 320))
SEEDS = range(3)


def signature(arrays: dict[str, np.ndarray], size: tuple[int, int], metadata: dict | None = None) -> Signature:
    shapes = {name: array.shape for name, array in arrays.items()}
    return Signature({"images": (1, 3, *size)}, shapes, metadata or {}, sample=lambda: arrays)


def two_outputs(seed: int, size: tuple[int, int], form: str, *, wide: float = 1.0, classes_first: bool = False) -> dict:
    rng = np.random.default_rng(seed)
    place, stride = cells(*size, STRIDES)
    near, far = rng.uniform(0.5, 1.5, (2, len(place), 2)) * wide * stride
    middle = (place + 0.5) * stride
    first, last = middle - near, middle + far
    box = {"xyxy": (first, last), "cxcywh": ((first + last) / 2, near + far), "xywh": (first, near + far)}[form]
    scores = rng.uniform(0, 0.1, (len(place), 3))
    return {"a": np.hstack(box)[None], "b": (scores.T if classes_first else scores)[None]}


@pytest.mark.parametrize("classes_first", [False, True])
@pytest.mark.parametrize("wide", [1.0, 4.0])
@pytest.mark.parametrize("size", SIZES)
def test_a_yolov8_in_two_outputs_is_no_damo_yolo(size: tuple[int, int], wide: float, classes_first: bool) -> None:
    name = "ppyoloe" if classes_first else "damo-yolo"
    for seed in SEEDS:
        arrays = two_outputs(seed, size, "xyxy", wide=wide, classes_first=classes_first)
        family, _ = find_family(signature(arrays, size))
        assert (family.name, family.reading["boxes"]) == (name, "xyxy")
        for form in ("cxcywh", "xywh"):
            arrays = two_outputs(seed, size, form, wide=wide, classes_first=classes_first)
            with pytest.raises(
                ModelError, match=f"no corners.* a YOLOv8 .*Say --family {name} --reads '0..1 letterbox'"
            ):
                find_family(signature(arrays, size))
    told = reading_entry({"range": "0..1", "size": "letterbox"})
    arrays = two_outputs(0, size, "cxcywh", classes_first=classes_first)
    family, _ = find_family(signature(arrays, size, told), name)
    assert (family.reading["boxes"], family.reading["range"], family.reading["size"]) == ("cxcywh", "0..1", "letterbox")


def test_a_yolov5_in_two_outputs_is_no_detr() -> None:
    one = two_outputs(0, (96, 96), "cxcywh")
    rows = {name: np.repeat(array, 3, axis=1) for name, array in one.items()}
    with pytest.raises(ModelError, match=r"as many rows as a YOLOv5 .* Say --family detr for a DETR"):
        find_family(signature(rows, (96, 96)))
    assert find_family(signature(rows, (96, 96)), "detr")[0].name == "detr"


def test_boxes_of_a_detr_are_in_parts_or_asked_for() -> None:
    rng = np.random.default_rng(0)
    parts = {"a": rng.uniform(0, 1, (1, 300, 4)), "b": rng.normal(-4, 2, (1, 300, 7))}
    assert find_family(signature(parts, (320, 320)))[0].reading["unit"] == "parts"
    pixels = {**parts, "a": parts["a"] * 320}
    with pytest.raises(ModelError, match=r"parts of the input, but 'a' goes up to 3\d\d. Say --reads pixels"):
        find_family(signature(pixels, (320, 320)))
    told = reading_entry({"unit": "pixels"})
    assert find_family(signature(pixels, (320, 320), told))[0].reading["unit"] == "pixels"


def rows_found(form: str, low: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    middle, sides = rng.uniform(100, 300, (20, 2)), rng.uniform(20, 60, (20, 2))
    first = middle - sides / 2
    box = {"xyxy": (first, first + sides), "cxcywh": (middle, sides), "xywh": (first, sides)}[form]
    return np.hstack(box), rng.uniform(low, low + 0.01, (20, 1)), rng.integers(0, 80, (20, 1))


FORMS = {
    "end-to-end": lambda box, score, label: {"out": np.hstack([box, score, label])[None]},
    "dets-labels": lambda box, score, label: {"dets": np.hstack([box, score])[None], "labels": label.T},
    "detr-topk": lambda box, score, label: {"labels": label.T, "boxes": box[None], "scores": score.T},
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_that_are_no_corners_are_asked_for(name: str) -> None:
    make, size = FORMS[name], (320, 320)
    family, _ = find_family(signature(make(*rows_found("xyxy")), size))
    assert (family.name, family.reading["boxes"]) == (name, "xyxy")
    family.require_meant(make(*rows_found("xyxy", low=0.8)))
    for form in ("cxcywh", "xywh"):
        arrays = make(*rows_found(form))
        with pytest.raises(ModelError, match="Say --reads cxcywh for centre and size, --reads xywh"):
            find_family(signature(arrays, size))
        quiet, _ = find_family(
            signature(make(*rows_found(form, low=0.01)), size)
        )  # noise shows nothing, a picture does
        with pytest.raises(ModelError, match=f"Of 20 boxes .* as those of {name} are"):
            quiet.require_meant(arrays)
        said, _ = find_family(signature(arrays, size, reading_entry({"boxes": form})))
        said.require_meant(arrays)
        np.testing.assert_allclose(said.boxes(arrays), rows_found("xyxy")[0], rtol=1e-5)
