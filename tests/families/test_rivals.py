"""Families that a model would fit too are named, with why it is not taken for theirs."""

from __future__ import annotations

import numpy as np

from detquant.families import Signature, find_family
from detquant.families.rivals import rivals

IMAGE = {"images": (1, 3, 640, 640)}


def test_rows_may_have_an_objectness_or_none() -> None:
    signature = Signature(IMAGE, {"o": (1, 8400, 85)})
    assert find_family(signature)[0].name == "yolox"
    found = {sentence.partition(":")[0]: sentence for sentence in rivals(signature, "yolox")}
    assert sorted(found) == ["nanodet", "yolov6"]
    said = found["yolov6"]
    assert said.startswith("yolov6: its shapes fit, but its values") and "--family yolov6 takes it" in said


def test_nothing_else_fits_a_head_of_its_own() -> None:
    signature = Signature({"i": (1, 3, 320, 320)}, {"o": (1, 85, 20, 20)})
    assert find_family(signature)[0].name == "fastestdet" and rivals(signature, "fastestdet") == []


def test_queries_and_anchors_are_told_apart() -> None:
    outputs = {"b": (1, 300, 4), "l": (1, 300, 6)}
    assert find_family(Signature(IMAGE, outputs))[0].name == "detr"
    rows = {"o": (1, 300, 6)}
    values = {"o": np.tile(np.array([1.0, 2, 30, 40, 0.5, 3]), (300, 1))[None]}
    signature = Signature(IMAGE, rows, sample=lambda: values)
    taken = find_family(signature)[0].name
    assert taken == "end-to-end"
    [said] = rivals(signature, taken)
    assert said.startswith("rt-detr: its shapes fit, but its values")
