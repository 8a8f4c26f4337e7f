"""What a model gives beside boxes and scores is found, left out of what is scored, and never a reason to refuse it."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Family, Signature, find_family
from detquant.families.besides import find_besides

IMAGE = {"images": (1, 3, 640, 640)}
PERSON = "{0: 'person'}"
POSE = {"task": "pose", "kpt_shape": "[17, 3]", "names": PERSON}
MAPS = {f"m{n}": (1, 3, n, n, 85) for n in (80, 40, 20)}


def found(outputs: dict, metadata: dict | None = None) -> tuple[Family, str]:
    return find_family(Signature(IMAGE, outputs, metadata or {}))


@pytest.mark.parametrize(
    ("outputs", "metadata", "name", "classes", "behind"),
    [
        ({"o": (1, 116, 8400), "p": (1, 32, 160, 160)}, {"task": "segment"}, "yolov8", 80, 32),
        ({"p": (1, 32, 160, 160), "o": (1, 116, 8400)}, {}, "yolov8", 80, 32),
        ({"o": (1, 8400, 116), "p": (1, 160, 160, 32)}, {"task": "segment"}, "yolov8", 80, 32),
        ({"o": (1, 25200, 117), "p": (1, 32, 160, 160)}, {}, "yolov5", 80, 32),
        ({"o": (1, 300, 38), "p": (1, 32, 160, 160)}, {"task": "segment"}, "end-to-end", 80, 32),
        ({"o": (1, 56, 8400)}, POSE, "yolov8", 1, 51),
        ({"o": (1, 300, 57)}, POSE, "end-to-end", 1, 51),
        ({"o": (1, 25200, 85), **MAPS}, {}, "yolov5", 80, 0),
        ({"o": (1, 300, 7)}, {"task": "obb"}, "end-to-end", 80, 1),
    ],
)
def test_the_detector_in_it_is_known(outputs: dict, metadata: dict, name: str, classes: int, behind: int) -> None:
    family, reason = found(outputs, metadata)
    assert (family.name, family.num_classes) == (name, classes)
    assert family.besides is not None and family.besides.values == behind
    assert set(family.besides.others) == set(outputs) - {"o"}
    assert reason.endswith(family.besides.sentence) and "scored" in reason


@pytest.mark.parametrize(
    "outputs",
    [
        {"o": (1, 84, 8400)},
        {"boxes": (1, 8400, 4), "scores": (1, 80, 8400)},
        {"boxes": (1, 1917, 1, 4), "classes": (1, 1917, 91)},
        {"o": (1, 30, 8400), "p": (1, 32, 160, 160)},
        {"o": (1, 84, 8400), "p": (1, 32, 11, 13)},
    ],
)
def test_plain_detectors_have_nothing_besides(outputs: dict) -> None:
    assert find_besides(Signature(IMAGE, outputs)) is None


@pytest.mark.parametrize("turned", [False, True])
def test_boxes_and_scores_are_those_before_the_coefficients(turned: bool) -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 1, (8400, 4 + 3 + 8)).astype(np.float32)
    plain, _ = found({"o": (1, 7, 8400)})
    shape = (1, 8400, 15) if turned else (1, 15, 8400)
    family, _ = found({"o": shape, "p": (1, 8, 160, 160)}, {"task": "segment", "names": "['a', 'b', 'c']"})
    outputs = {"o": rows[None] if turned else rows.T[None], "p": np.zeros((1, 8, 160, 160), np.float32)}
    np.testing.assert_array_equal(family.boxes(outputs), plain.boxes({"o": rows[:, :7].T[None]}))
    np.testing.assert_array_equal(family.scores(outputs), rows[:, 4:7])
    assert family.besides is not None
    np.testing.assert_array_equal(family.besides.behind(outputs), rows[:, 7:])


def test_key_points_without_metadata_are_told_by_their_values() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 640, (8400, 6))
    points[:, 2::3] = rng.uniform(0, 1, (8400, 2))
    rows = np.hstack([rng.uniform(0, 640, (8400, 4)), rng.uniform(0, 0.3, (8400, 2)), points])
    signature = Signature(IMAGE, {"o": (1, 12, 8400)}, sample=lambda: {"o": rows.T[None].astype(np.float32)})
    family, reason = find_family(signature)
    assert (family.name, family.num_classes) == ("yolov8", 2)
    assert "6 numbers behind the scores" in reason


@pytest.mark.parametrize(
    ("outputs", "metadata", "words"),
    [
        ({"o": (1, 116, 8400)}, {"task": "segment"}, "no output .* of prototypes"),
        ({"o": (1, 56, 8400)}, {"task": "pose"}, "'kpt_shape', such as"),
        ({"o": (1, 56, 8400)}, {"task": "depth"}, "task is 'depth'"),
    ],
)
def test_what_is_said_and_not_there_is_called_by_name(outputs: dict, metadata: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        found(outputs, metadata)
