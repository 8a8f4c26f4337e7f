"""Words that say how a model is fed and read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.input_words import RANGES, form_as, words_of_form
from detquant.families.reading import KEY, WORDS, parse_reading, reading_entry, reading_text, written_reading

INPUT = {"images": (1, 3, 160, 192)}
CELLS = 24 * 20 + 12 * 10 + 6 * 5
YOLOV8 = Signature(INPUT, {"out": (1, 4 + 3, CELLS)})
YOLOX = Signature(INPUT, {"out": (1, CELLS, 5 + 3)})
IMAGE = np.random.default_rng(0).integers(0, 256, (160, 192, 3), np.uint8)


def test_each_word_is_of_one_kind() -> None:
    words = [word for kind in WORDS.values() for word in kind]
    assert len(set(words)) == len(words)
    assert all(word == word.strip().lower() and " " not in word for word in words)


def test_words_in_any_order_come_back() -> None:
    reading = parse_reading("xyxy  bgr -1..1")
    assert reading == {"boxes": "xyxy", "channels": "bgr", "range": "-1..1"}
    assert reading_text(reading) == "bgr -1..1 xyxy"
    assert written_reading(reading_entry(reading)) == reading
    assert reading_entry({}) == {} and written_reading({}) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("bgrr", "did you mean 'bgr'"), ("bgr rgb", "both 'bgr' and 'rgb'"), ("0-255", "--reads has no word '0-255'")],
)
def test_other_words_are_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        parse_reading(text)


@pytest.mark.parametrize("entry", ["", "{", '"bgr"', "[1]", '["bgrr"]', '["bgr", "rgb"]', "[" * 3000])
def test_an_entry_that_cannot_be_understood_is_no_silence(entry: str) -> None:
    with pytest.raises(ModelError, match=KEY):
        written_reading({KEY: entry})


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("levels", RANGES)
@pytest.mark.parametrize("size", WORDS["size"])
def test_what_goes_in_is_what_the_words_say(order: str, levels: str, size: str) -> None:
    family, _ = find_family(YOLOX)
    told = family.read_as({"channels": order, "range": levels, "size": size})
    assert dict(words_of_form(told.form)) == {"channels": order, "range": levels, "size": size}
    mean, std = (np.array(one).reshape(3, 1, 1) for one in RANGES[levels])
    expected = (IMAGE[:, :, ::-1].transpose(2, 0, 1) - mean) / std
    found = told.preprocess(IMAGE)[0][0]
    np.testing.assert_allclose(found if order == "rgb" else found[::-1], expected, atol=1e-4)
    assert family.told == {} and family.reading["channels"] == "bgr"


def test_the_order_alone_takes_means_along() -> None:
    family, _ = find_family(Signature(INPUT, {"out": (1, CELLS + 9, 3 + 32)}))
    turned = form_as(family.form, {"channels": "rgb"})
    assert family.name == "nanodet-plus" and turned.mean == family.form.mean[::-1]


@pytest.mark.parametrize("boxes", WORDS["boxes"])
@pytest.mark.parametrize("unit", [word for word in WORDS["unit"] if word != "cells"])
@pytest.mark.parametrize("scores", WORDS["scores"])
def test_outputs_are_read_as_the_words_say(boxes: str, unit: str, scores: str) -> None:
    family, _ = find_family(YOLOV8)
    cell, stride = 13 * 24 + 7, 8.0
    box = np.array([40.0, 90.0, 80.0, 130.0])  # around the cell's middle at 60, 108
    coded = {
        "cxcywh": [60, 110, 40, 40],
        "xyxy": box,
        "xywh": [40, 90, 40, 40],
        "yxyx": box[[1, 0, 3, 2]],
        "grid": [60 / stride - 7, 110 / stride - 13, np.log(5), np.log(5)],
        "ltrb": [20 / stride, 18 / stride, 20 / stride, 22 / stride],
    }[boxes]
    raw = np.zeros((1, 7, CELLS), np.float32)
    raw[0, :4, cell] = coded
    if unit == "parts" and boxes in ("cxcywh", "xyxy", "xywh", "yxyx"):
        raw[0, :4, cell] /= [160, 192, 160, 192] if boxes == "yxyx" else [192, 160, 192, 160]
    raw[0, 5, cell] = 0.75 if scores == "chances" else np.log(3)
    told = family.read_as({"boxes": boxes, "unit": unit, "scores": scores})
    np.testing.assert_allclose(told.boxes({"out": raw})[cell], box, atol=1e-3)
    assert told.scores({"out": raw})[cell, 1] == pytest.approx(0.75)


def test_a_class_that_is_none_is_left_out() -> None:
    family, _ = find_family(YOLOV8)
    raw = np.zeros((1, 7, CELLS), np.float32)
    raw[0, 4:, 0] = [0.1, 0.2, 0.3]
    for word, left, names in (
        ("background-first", [0.2, 0.3], ("class 1", "class 2")),
        ("background-last", [0.1, 0.2], ("class 0", "class 1")),
    ):
        told = family.read_as({"classes": word})
        np.testing.assert_allclose(told.scores({"out": raw})[0], left)
        assert told.classes == names
        said = {**reading_entry({"classes": word}), "names": "['a', 'b']"}
        again, _ = find_family(Signature(INPUT, {"out": (1, 7, CELLS)}, said))
        assert again.classes == ("a", "b")
        np.testing.assert_allclose(again.scores({"out": raw})[0], left)


def test_objectness_may_be_in_the_classes_already() -> None:
    family, _ = find_family(YOLOX)
    raw = np.full((1, CELLS, 8), 0.5, np.float32)
    assert family.scores({"out": raw}).max() == 0.25
    assert family.read_as({"objectness": "classes-alone"}).scores({"out": raw}).max() == 0.5


def test_labels_may_count_from_one() -> None:
    names = {"names": "['a', 'b']"}
    family, _ = find_family(Signature(INPUT, {"out": (1, 20, 6)}, {**names, "detquant.family": "end-to-end"}))
    raw = np.zeros((1, 20, 6), np.float32)
    raw[0, 0] = [1, 2, 3, 4, 0.9, 1]
    assert family.scores({"out": raw})[0].argmax() == 1
    assert family.read_as({"labels": "from-1"}).scores({"out": raw})[0].argmax() == 0


def test_words_that_mean_nothing_are_refused_but_not_in_a_file() -> None:
    family, _ = find_family(Signature(INPUT, {"out": (1, CELLS + 9, 3 + 32)}))
    with pytest.raises(ModelError, match="'xyxy' means nothing for the family nanodet-plus"):
        family.read_as({"boxes": "xyxy"})
    said = reading_entry({"boxes": "xyxy", "channels": "rgb"})
    again, _ = find_family(Signature(INPUT, {"out": (1, CELLS + 9, 3 + 32)}, said))
    assert again.told == {"channels": "rgb"}


def test_what_was_told_is_written_and_read_again() -> None:
    family, _ = find_family(YOLOX)
    assert family.written() == {}
    told = family.read_as({"channels": "rgb", "boxes": "xyxy"})
    assert json.loads(told.written()[KEY]) == ["rgb", "0..255", "top-left", "xyxy"]
    again, _ = find_family(Signature(INPUT, dict(YOLOX.outputs), told.written()))
    assert again.form == told.form and again.reading == told.reading
