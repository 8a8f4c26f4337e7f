"""The table of training: what it says follows from the figures of the seeds, and rows are recipes that can be built."""

from __future__ import annotations

import pytest
from training_measure import Found, ordered
from training_rows import CASES, HALF, PICO, WON, Case

import training
from detquant.algorithms import build_steps
from detquant.data import open_dataset
from detquant.errors import OptionError
from detquant.recipes import load_recipe


def found(solved: float, trained: float) -> Found:
    return Found(
        measure="ap",
        images=10,
        before=50.0,
        solved=solved,
        trained=trained,
        seconds=60.0,
        file=None,
        latency=None,
        said="finetune: 1 steps",
    )


ROW = Case(model=PICO, recipe="w4a4", bars={WON: HALF, "drop": 3.0})
SEEDS = [found(40, 46), found(42, 48)]


def test_a_row_tells_means_and_the_spread_of_its_seeds() -> None:
    cells = training.cells(ROW, SEEDS)
    assert len(cells) == len(training.HEADER)
    assert cells[4] == f"{WON} ≥ 50 met; drop ≤ 3 met"
    assert cells[5:] == ("50.00", "41.00", "47.00", "3.00", "68", "2.00", "2", "1.0")


def test_a_bar_that_is_missed_says_by_what() -> None:
    assert f"{WON} ≥ 50 MISSED: 20.00" in training.cells(ROW, [found(40, 42)])[4]
    assert "drop ≤ 3 MISSED: 8.00" in training.cells(ROW, [found(40, 42)])[4]
    assert "MISSED: not known" in training.cells(ROW, [found(50, 50)])[4]  # nothing was lost


def test_a_row_that_cannot_be_had_says_why() -> None:
    cells = training.cells(ROW, "Step 'finetune': no.")
    assert cells[3] == "Step 'finetune': no." and len(cells) == len(training.HEADER)


def test_labels_are_held_beside_the_row_without() -> None:
    labelled = Case(model=PICO, recipe="w4a4", options={"labels": True})
    [line] = training.no_worse([(ROW, SEEDS), (labelled, [found(40, 45)])])
    assert line == f"{PICO} w4a4: with labels 45.00, without 47.00: WORSE"


def test_each_recipe_is_solved_then_trained() -> None:
    for recipe, prune in (("w4a4", None), ("w4a4-finetune", None), ("w8a8", 0.3), ("w2a8", None)):
        case = Case(model=PICO, recipe=recipe, prune=prune, options={"labels": True})
        made = case.trained(load_recipe(recipe), {"seed": 2, "steps": 5})
        build_steps(made)
        assert [step.name for step in made.steps][-2:] == ["refit", "finetune"]
        assert made.steps[-1].options == {"seed": 2, "steps": 5, "labels": True}
        assert (made.steps[0].name == "prune") == (prune is not None)


def test_rows_are_chosen_by_the_beginning_of_their_key() -> None:
    assert {case.recipe for case in training.chosen_rows(CASES, ["yolov8-pico/w4a4"])} == {"w4a4"}
    assert len(training.chosen_rows(CASES, [])) == len(CASES) and len({case.key for case in CASES}) == len(CASES)
    with pytest.raises(OptionError, match="selects no row"):
        training.chosen_rows(CASES, ["yolov9"])


def test_a_seed_orders_the_calibration_images_anew() -> None:
    data = open_dataset("scenes")
    assert ordered(data, 0) is data
    assert ordered(data, 1).calibration != data.calibration
    assert set(ordered(data, 1).calibration) == set(data.calibration)
