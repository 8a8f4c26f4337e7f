"""The table of all ways to few bits: each is a recipe that is taken, and all of them stand on the same plan."""

from __future__ import annotations

from dataclasses import replace

import methods
import pytest
from methods_measure import Setting, decided, measured
from ways import WAYS, Way

import detquant
from detquant.algorithms import build_steps
from detquant.errors import OptionError
from detquant.recipes import Step, load_recipe

BY_NAME = {way.name: way for way in WAYS}
SMALL = Setting(
    model="resnet-pico", data="crops", recipe="w4a4", target="ort", calib=8, imgsz=None, limit=8, options={}
)


@pytest.mark.parametrize("recipe", ["w4", "w4a4", "w4a8", "w8a16"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_way_is_one_that_recipes_refuse(way: Way, recipe: str) -> None:
    if "torch" in way.needs:
        pytest.importorskip("torch")
    basis = load_recipe(recipe)
    made = way.recipe(basis, {})
    build_steps(made)
    assert made.rules == basis.rules
    assert tuple(step.name for step in made.steps[-len(way.steps) or len(made.steps) :]) == way.steps


def test_the_steps_that_choose_stay_and_the_others_go() -> None:
    narrow, usual = (BY_NAME["bias_correction"].recipe(load_recipe(name), {}) for name in ("w4a4", "w4a8"))
    assert [step.name for step in narrow.steps] == ["ranges", "placement", "bias_correction"]
    assert [step.name for step in usual.steps] == ["guard", "ranges", "placement", "bias_correction"]


def test_options_that_are_given_join_those_of_the_way() -> None:
    made = BY_NAME["refit+blocks-steps"].recipe(load_recipe("w4a4"), {"blocks": {"iterations": 7}})
    assert made.steps[-2:] == (Step("refit"), Step("blocks", {"activation_steps": True, "iterations": 7}))


def test_what_a_way_needs_follows_from_its_steps() -> None:
    needs = {way.name: way.needs for way in WAYS}
    assert needs["refit"] == needs["clipping+refit"] == "numpy"
    assert needs["adaround"] == needs["clipping+refit+blocks-steps"] == "torch"
    assert needs["lapq+refit"] == "SciPy"


def test_an_unknown_row_is_refused() -> None:
    with pytest.raises(OptionError, match="did you mean 'refit'"):
        methods.chosen(["refti"])
    assert [way.name for way in methods.chosen(["refit", "nearest"])] == ["nearest", "refit"]


def test_decisions_of_the_clock_are_those_that_are_given() -> None:
    layer = next(node for node in detquant.load("resnet-pico").model.graph if node.op_type == "Conv").name
    kept = {layer: "placement: this one, faster in float"}
    found = measured(BY_NAME["nearest"], SMALL, {"placement": {"kept_float": kept, "measured": []}})
    assert "placement: this one, faster in float" in found.notes
    assert found.images == 8


def test_without_a_step_that_is_timed_nothing_is_decided_by_the_clock() -> None:
    assert decided(replace(SMALL, recipe="w8a16")) == {}


def test_rows_come_one_by_one_and_one_that_fails_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "alone", lambda work: "2 images | are too few." if "lapq" in repr(work) else work())
    only = ["nearest", "refit", "lapq"]
    methods.table("resnet-pico", "crops", recipe="w8a16", calib=8, limit=8, only=only)
    out, told = capsys.readouterr()
    rows = [line for line in out.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in only]
    assert "2 images / are too few." in rows[2]
    assert all(row in told for row in rows)
    assert all(row.count("|") == len(methods.HEADER) + 1 for row in rows)
    assert "refit: " in told


@pytest.mark.slow
def test_each_row_has_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    methods.table("yolov8-pico", "scenes", calib=3, limit=2, only=["bias_correction", "refit"])
    corrected, solved = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert "ap, 2" in corrected
    assert "The step 'refit' has 3 calibration images" in solved
