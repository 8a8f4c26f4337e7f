"""What is beside boxes and scores is compared with the float model's, where somebody looks at it."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.evaluation.besides import BEHIND, BesidesLoss
from detquant.families import Family, Signature, find_family
from detquant.numerics.sqnr import CEILING_DB

IMAGE = {"images": (1, 3, 64, 64)}
CELLS, CLASSES, MANY = 84, 2, 3


def segmenter() -> Family:
    shapes = {"rows": (1, 4 + CLASSES + MANY, CELLS), "masks": (1, MANY, 16, 16)}
    return find_family(Signature(IMAGE, shapes, {"task": "segment", "names": "['a', 'b']"}))[0]


def outputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = rng.normal(0, 1, (1, 4 + CLASSES + MANY, CELLS))
    rows[:, 4:6] = 0
    rows[:, 4, :5] = 0.9  # the model is sure of five cells
    return {"rows": rows, "masks": rng.normal(0, 1, (1, MANY, 16, 16))}


def test_the_same_is_the_same() -> None:
    loss, made = BesidesLoss(segmenter()), outputs(np.random.default_rng(0))
    loss.add(made, made)
    assert loss.decibels() == {"output masks": CEILING_DB, BEHIND: CEILING_DB}


def test_noise_is_told_in_decibels_over_all_images() -> None:
    loss, rng = BesidesLoss(segmenter()), np.random.default_rng(0)
    for _ in range(3):
        made = outputs(rng)
        other = {name: one + 0.1 * rng.normal(0, 1, one.shape) for name, one in made.items()}
        loss.add(made, other)
    assert loss.decibels() == {"output masks": pytest.approx(20, abs=1), BEHIND: pytest.approx(20, abs=3)}


def test_coefficients_of_cells_that_nobody_looks_at_do_not_count() -> None:
    loss, made = BesidesLoss(segmenter()), outputs(np.random.default_rng(0))
    other = {name: one.copy() for name, one in made.items()}
    other["rows"][:, 6:, 5:] += 9
    loss.add(made, other)
    assert loss.decibels()[BEHIND] == CEILING_DB


def test_a_plain_detector_has_nothing_to_tell() -> None:
    family, _ = find_family(Signature(IMAGE, {"rows": (1, 4 + CLASSES, CELLS)}, {"names": "['a', 'b']"}))
    loss, made = BesidesLoss(family), {"rows": np.zeros((1, 4 + CLASSES, CELLS))}
    loss.add(made, made)
    assert loss.decibels() == {}
