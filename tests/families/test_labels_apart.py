"""Which of two outputs are numbers of classes and which scores, in whatever order and under whatever names."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family

IMAGE = {"images": (1, 3, 480, 640)}
RNG = np.random.default_rng(0)
LEFT_TOP = RNG.uniform(0, 300, (20, 2))
FOUND = {
    "boxes": np.hstack([LEFT_TOP, LEFT_TOP + RNG.uniform(20, 90, (20, 2))])[None],
    "scores": RNG.uniform(0.1, 0.9, (1, 20)),
    "classes": RNG.integers(0, 80, (1, 20)),
    "count": np.array([[20]]),
}
NAMELESS = {"boxes": "o1", "scores": "o2", "classes": "o3", "count": "o0"}
TELLING = {"boxes": "b", "scores": "conf", "classes": "cls", "count": "n"}
ROWS = np.hstack([FOUND["boxes"][0], FOUND["scores"].T, FOUND["classes"].T])


def signature(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None, **more) -> Signature:
    shapes = {name: array.shape for name, array in arrays.items()}
    return Signature(IMAGE, shapes, metadata or {}, **{"sample": lambda: arrays, **more})


@pytest.mark.parametrize("names", [NAMELESS, TELLING])
@pytest.mark.parametrize("kinds", [("boxes", "scores", "classes"), ("count", "boxes", "scores", "classes")])
def test_values_or_names_tell_in_any_order(kinds: tuple[str, ...], names: Mapping[str, str]) -> None:
    for order in itertools.permutations(kinds):
        arrays = {names[kind]: FOUND[kind] for kind in order}
        family, _ = find_family(signature(arrays))
        assert family.name == ("efficient-nms" if "count" in kinds else "detr-topk")
        found = family.scores(arrays)
        np.testing.assert_array_equal(found.argmax(axis=1), FOUND["classes"][0])
        np.testing.assert_allclose(found.max(axis=1), FOUND["scores"][0], rtol=1e-6)
        nothing = {name: np.zeros_like(array) for name, array in arrays.items()}
        written = {"detquant.family": family.name, **family.written()}
        again, _ = find_family(signature(nothing, written))
        np.testing.assert_array_equal(again.scores(arrays), found)


def test_rows_with_the_class_last_are_told_from_those_with_the_score_last() -> None:
    image = np.zeros((20, 1))
    flat, seven = np.hstack([image, ROWS]), np.hstack([image, ROWS[:, [0, 1, 2, 3, 5, 4]]])
    for rows, name in ((flat, "out"), (flat, "graph2_flat_predictions"), (seven, "out")):
        outputs = {name: ("n", 7)}
        for sample in (rows, rows[:0]):
            family, _ = find_family(Signature(IMAGE, outputs, sample=lambda sample=sample, name=name: {name: sample}))
            if len(sample) or name != "out" or rows is seven:
                np.testing.assert_array_equal(family.scores({name: rows}).argmax(axis=1), FOUND["classes"][0])
        assert bool(family.facts()) == (name != "out")


def test_rows_of_another_order_are_not_paddles() -> None:
    inputs = {**IMAGE, "scale_factor": (1, 2)}
    paddles = {"rows": ROWS[:, [5, 4, 0, 1, 2, 3]], "count": np.array([20])}
    shapes = {"rows": ("n", 6), "count": (1,)}
    assert find_family(Signature(inputs, shapes, sample=lambda: paddles))[0].name == "paddle"
    with pytest.raises(ModelError):
        find_family(Signature(inputs, shapes, sample=lambda: {**paddles, "rows": ROWS}))


def test_four_classes_of_a_detr_are_told_from_its_boxes() -> None:
    boxes, logits = RNG.uniform(0.1, 0.9, (1, 300, 4)), RNG.normal(-4, 2, (1, 300, 4))
    for order in (("a", "b"), ("b", "a")):
        arrays = {name: {"a": boxes, "b": logits}[name] for name in order}
        family, _ = find_family(signature(arrays))
        assert (family.name, family.names) == ("detr", ("a", "b"))


def test_one_value_behind_the_box_is_the_score_of_the_one_class() -> None:
    family, _ = find_family(Signature({"images": (1, 3, 640, 640)}, {"out": (1, 8400, 5)}))
    assert (family.name, family.num_classes) == ("yolov8", 1)
