"""The doctor names what is wrong with each of these pairs of a model and a way to read it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import numpy_helper
from wrong_models import fed_with, giving, with_background, with_other_names

from detquant.data import Dataset, export_scenes, open_dataset
from detquant.families.input_words import RANGES
from detquant.pipeline.detector import load
from detquant.pipeline.doctor import diagnose
from detquant.pipeline.evaluate import evaluate

IMAGES = 6
SQUARES, SQUARE, SIDE = 6, 16, 96
RED, BLUE = (0, 0, 255), (255, 0, 0)

PAIRS: dict[str, tuple[Callable[[], onnx.ModelProto], str, str]] = {
    "grey levels": (lambda: fed_with(*RANGES["0..255"]), "0..1", "0..255"),
    "around zero": (lambda: fed_with(*RANGES["-1..1"]), "0..255", "-1..1"),
    "normalised": (lambda: fed_with(*RANGES["imagenet"]), "0..1", "imagenet"),
    "means taken off": (lambda: fed_with(*RANGES["caffe"]), "0..1", "caffe"),
    "levels and corners": (lambda: fed_with(*RANGES["0..255"]), "-1..1 xyxy", "0..255 cxcywh"),
    "corners": (lambda: giving(boxes="xyxy"), "cxcywh", "xyxy"),
    "parts": (lambda: giving(unit="parts"), "pixels", "parts"),
    "corners in parts": (lambda: giving(boxes="xyxy", unit="parts"), "cxcywh pixels", "xyxy parts"),
    "not decoded": (lambda: giving(boxes="ltrb"), "cxcywh", "ltrb"),
    "logits": (lambda: giving(scores="logits"), "chances", "logits"),
    "turned, in parts": (lambda: giving(unit="parts", turned=True), "xyxy pixels", "cxcywh parts"),
    "a class that is none": (with_background, "", "background-first"),
}
"""A model, the words by which it is read, and those that would be right."""


@pytest.mark.parametrize("name", PAIRS)
def test_the_right_hypothesis_comes_first(name: str, tmp_path: Path, scenes: Dataset) -> None:
    make, told, right = PAIRS[name]
    onnx.save(make(), tmp_path / "model.onnx")
    found = diagnose(load(tmp_path / "model.onnx", reads=told), scenes, images=IMAGES)
    first = found["findings"][0]
    assert set(first["reads"].split()) == set(right.split())
    assert first["ap50"] > 60
    assert not found["sound"] and found["option"] in found["verdict"]
    [_, words] = shlex.split(found["option"])
    assert set(right.split()) <= set(load(tmp_path / "model.onnx", reads=words).family.reading.values())


@pytest.mark.parametrize(
    ("told", "right", "level"), [("rgb 0..1", "bgr", 1.0), ("rgb 0..1", "bgr 0..255", 255.0), ("bgr 0..1", "rgb", 1.0)]
)
def test_colours_that_are_exchanged(
    told: str, right: str, level: float, square_proto: onnx.ModelProto, tmp_path: Path
) -> None:
    onnx.save(red_squares_only(square_proto, last="bgr" in right, level=level), tmp_path / "model.onnx")
    found = diagnose(load(tmp_path / "model.onnx", reads=told), open_dataset(red_and_blue(tmp_path)))
    assert set(found["findings"][0]["reads"].split()) == set(right.split())
    assert not found["sound"]


def test_names_that_lie_are_no_matter(tmp_path: Path, scenes: Dataset) -> None:
    onnx.save(with_other_names(), tmp_path / "model.onnx")
    found = diagnose(load(tmp_path / "model.onnx"), scenes, images=IMAGES)
    first = found["findings"][0]
    assert first["ap50"] > 60 and first["reads"] == "by-index"
    assert not found["sound"] and found["option"] == "--reads by-index"
    detector = load(tmp_path / "model.onnx", reads="by-index")
    assert evaluate(detector, scenes).accuracy.figures()["ap50"] > 60


def test_what_is_read_rightly_is_left_alone(scenes: Dataset) -> None:
    found = diagnose(load("yolov8-pico"), scenes, images=IMAGES)
    assert found["sound"] and found["option"] == ""
    assert "" in [one["reads"] for one in found["findings"]]
    json.dumps(found)


def red_squares_only(model: onnx.ModelProto, *, last: bool, level: float) -> onnx.ModelProto:
    """A detector of white squares made to look at one channel, where 1 is `level`."""
    [stem] = [one for one in model.graph.initializer if one.name == "stem"]
    weight = np.zeros(stem.dims, np.float32)
    weight[:, 2 if last else 0] = numpy_helper.to_array(stem).sum(axis=1) / level
    stem.CopyFrom(numpy_helper.from_array(weight, "stem"))
    return model


def red_and_blue(folder: Path) -> Path:
    """Labelled red squares, and blue ones that are nothing."""
    root = folder / "data"
    for split in ("train", "val"):
        (root / f"images/{split}").mkdir(parents=True)
        (root / f"labels/{split}").mkdir(parents=True)
        for number in range(SQUARES):
            image = np.zeros((SIDE, SIDE, 3), np.uint8)
            for column, colour in ((0, RED), (2, RED), (4, BLUE)):
                place = slice(number * SQUARE, (number + 1) * SQUARE), slice(column * SQUARE, (column + 1) * SQUARE)
                image[place] = colour
            cv2.imwrite(str(root / f"images/{split}/{number}.png"), image)
            lines = [f"0 {(column + 0.5) / 6} {(number + 0.5) / 6} {1 / 6} {1 / 6}" for column in (0, 2)]
            (root / f"labels/{split}/{number}.txt").write_text("\n".join(lines))
    names = {"names": [f"class {number}" for number in range(80)]}
    (root / "data.yaml").write_text(yaml.safe_dump({"train": "images/train", "val": "images/val", **names}))
    return root / "data.yaml"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(export_scenes(tmp_path_factory.mktemp("scenes"), 1, 0, validation=IMAGES))
