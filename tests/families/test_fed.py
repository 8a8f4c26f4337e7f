from __future__ import annotations

import json

import pytest

from detquant.families import Inside, Signature, find_family
from detquant.families.fed import fed_form, form_entry, said, written_form
from detquant.families.input_form import WholeImage
from detquant.families.nanodet import NanoDet
from detquant.families.preprocessing import PREPROCESSING
from detquant.families.yolov8 import YOLOv8
from detquant.families.yolox import YOLOX

UNIT, PIXELS, CENTRED, SIGNED = (0.0, 255.0), (0.0, 1.0), (127.5, 127.5), (128.0, 1.0)
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
TURNED = (2, 1, 0)


def same(value):
    return (value,) * 3


def normalises(mean=MEAN, std=STD, **words) -> Inside:
    """What a graph does that computes (x - mean) / std, by its channels."""
    slope = tuple(1 / s for s in std)
    offset = tuple(-m / s for m, s in zip(mean, std, strict=True))
    return Inside(slope=slope, offset=offset, **words)


BGR = {"mean": MEAN[::-1], "std": STD[::-1]}
DIVIDES = Inside(slope=same(1 / 255))


@pytest.mark.parametrize(
    ("family", "inside", "rgb", "fed"),
    [
        # the family's own preprocessing stands in the graph
        (YOLOv8, DIVIDES, True, PIXELS),
        (YOLOv8, Inside(slope=same(1 / 256)), True, PIXELS),
        (YOLOv8, Inside(slope=same(1 / 255), order=TURNED), False, PIXELS),
        (NanoDet, normalises(**BGR), False, PIXELS),
        (NanoDet, normalises(**BGR, order=TURNED), True, PIXELS),
        # a part of it does
        (YOLOv8, Inside(slope=same(0.5), offset=same(0.5)), True, CENTRED),
        (YOLOX, Inside(slope=same(255.0)), False, UNIT),
        # the channels alone are turned
        (YOLOv8, Inside(order=TURNED), False, UNIT),
        (YOLOX, Inside(order=TURNED), True, PIXELS),
        # the network was trained with other numbers: the arithmetic tells
        (YOLOX, normalises(), True, PIXELS),  # YOLOX before 0.2: RGB, ImageNet's mean
        (YOLOX, normalises(**BGR), False, PIXELS),
        (YOLOX, normalises(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), True, UNIT),
        (YOLOv8, normalises(), True, PIXELS),
        (YOLOv8, normalises(mean=(104, 117, 123), std=same(1)), False, PIXELS),  # Caffe
        (YOLOv8, normalises(mean=same(127), std=same(128)), True, PIXELS),
        (YOLOv8, normalises(mean=same(0.5), std=same(0.5)), True, UNIT),
        (YOLOX, Inside(slope=same(1 / 255)), False, PIXELS),
        # whole numbers are pixels
        (YOLOv8, Inside(element="uint8"), True, PIXELS),
        (YOLOv8, Inside(slope=same(1 / 255), element="uint8"), True, PIXELS),
        (YOLOv8, Inside(slope=same(1 / 255), offset=same(128 / 255), element="int8"), True, SIGNED),
        (NanoDet, normalises(element="uint8", order=TURNED), False, PIXELS),  # a net trained in RGB, fed BGR
        # a converter has left traces only
        (YOLOv8, Inside(turned=True), False, UNIT),
        (YOLOv8, Inside(gain=0.7), True, PIXELS),
        (YOLOv8, Inside(gain=0.7, turned=True), False, PIXELS),
        (YOLOv8, Inside(gain=0.7, turned=True, order=TURNED), True, PIXELS),
        (YOLOv8, Inside(slope=same(1 / 255), turned=True, element="uint8"), False, PIXELS),
    ],
)
def test_what_a_graph_does_is_not_done_twice(family, inside, rgb, fed):
    found = fed_form(family.form, inside)
    assert isinstance(found, WholeImage) and found.resize == family.form.resize
    assert found.rgb is rgb
    assert (found.mean, found.std) == (same(fed[0]), same(fed[1]))
    sentence = said(found, family.form, inside)
    assert sentence.startswith("The graph ") and ("RGB" if rgb else "BGR") in sentence


@pytest.mark.parametrize(
    "inside",
    [
        Inside(),
        Inside(gain=180.0),  # of YOLOv8n's first layer
        Inside(order=(1, 0, 2)),
        Inside(slope=same(0.5)),
    ],
)
def test_where_nothing_tells_the_family_is_fed_as_ever(inside):
    assert fed_form(YOLOv8.form, inside) == YOLOv8.form


@pytest.mark.parametrize("family", [YOLOv8, YOLOX, NanoDet])
def test_normal_first_weights_are_not_taken_for_others(family):
    for answer in (0.45, 2.0, 5.5):  # seven trained detectors, see the module
        gain = answer * sum(family.form.std) / 3
        assert fed_form(family.form, Inside(gain=gain)) == family.form


def test_turned_channels_turn_the_means():
    found = fed_form(NanoDet.form, Inside(turned=True))
    assert found.rgb and found.mean == NanoDet.form.mean[::-1] and found.std == NanoDet.form.std[::-1]


def test_a_classifier_keeps_its_crop():
    found = fed_form(PREPROCESSING["imagenet"], normalises())
    assert found == PREPROCESSING["imagenet"].__class__(crop=0.875, std=same(1.0))
    found = fed_form(PREPROCESSING["imagenet"], DIVIDES)  # trained on 0 to 1, whatever was assumed
    assert (found.mean, found.std, found.crop) == (same(0.0), same(1.0), 0.875)


def signature(inside: Inside, **metadata: str) -> Signature:
    return Signature({"x": (1, 3, 96, 96)}, {"y": (1, 84, 189)}, metadata, inside=inside)


def test_a_family_is_made_with_the_form_that_its_graph_leaves():
    family, _ = find_family(signature(DIVIDES))
    assert family.adapted and family.form.std == same(1.0) and family.pixel_range == (0, 255)
    assert family.fed == "The graph computes x / 255: it is fed RGB 0 to 255."
    family, _ = find_family(signature(Inside()))
    assert not family.adapted and family.fed is None and family.form == YOLOv8.form


def test_what_a_file_says_of_its_input_goes_before_its_graph():
    entry = form_entry(WholeImage(rgb=False))
    family, _ = find_family(signature(DIVIDES, **entry))
    assert family.form == WholeImage(rgb=False, resize="letterbox")
    assert "BGR 0 to 255" in family.fed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({"rgb": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}),
        json.dumps({"rgb": True, "mean": [0, 0], "std": [1, 1, 1]}),
        json.dumps({"rgb": True, "mean": [0, 0, 0], "std": [1, 0, 1]}),
        json.dumps({"rgb": True, "mean": "abc", "std": [1, 1, 1]}),
        '{"rgb": true, "mean": [0, 0, 1e999], "std": [1, 1, 1]}',
    ],
)
def test_entries_that_make_no_sense_say_nothing(text):
    assert written_form(YOLOv8.form, {"detquant.input": text}) is None


def test_an_entry_is_read_as_it_was_written():
    for form in (YOLOv8.form, NanoDet.form, PREPROCESSING["caffe"]):
        assert written_form(form, form_entry(form)) == form
