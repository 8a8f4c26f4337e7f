"""The table of pruned channels beside smaller inputs: what it recommends follows from the figures."""

from __future__ import annotations

from pathlib import Path

import pruning
import pytest
from pruning import (
    FLOAT,
    NARROWER,
    PRUNED,
    SMALLER,
    WHOLE,
    Row,
    Setting,
    at_latency,
    cells,
    pruned,
    quantized,
    recommended,
)

import detquant
from detquant.algorithms import build_steps
from detquant.errors import OptionError
from detquant.recipes import load_recipe


def row(name: str, kind: str, points: float, latency_ms: float) -> Row:
    return Row(name=name, kind=kind, macs=100, points=points, size_bytes=1000, latency_ms=latency_ms)


ROWS = [
    row("float", FLOAT, 50, 20),
    row("int8", WHOLE, 49, 10),
    row("a tenth", PRUNED, 48.5, 9),
    row("a third", PRUNED, 40, 8),
    row("half", PRUNED, 30, 4),
    row("small", SMALLER, 45, 6),
]


def test_a_pruned_row_is_held_against_the_input_of_its_latency() -> None:
    assert at_latency([ROWS[1], ROWS[5]], 9) == pytest.approx(48)
    assert at_latency([ROWS[1], ROWS[5]], 4) is None
    first, second, third, best = recommended(ROWS)
    assert first == "a tenth: 48.50, a smaller input of its latency 48.00: take pruning"
    assert second == "a third: 40.00, a smaller input of its latency 47.00: take the smaller input"
    assert third.startswith("half: no input")
    assert best == "Beaten by no other in points, latency and size: int8; a tenth; half; small"
    slow, quick = row("slow", PRUNED, 45, 12), row("quick", PRUNED, 30, 5)
    said = list(recommended([*ROWS[:2], ROWS[5], slow, quick]))
    assert said[0] == "slow: 45.00, and int8 is no slower with 49.00: take that"
    assert said[1].startswith("quick: no input that was measured")
    narrow = Row(name="w4", kind=NARROWER, macs=100, points=47, size_bytes=600, latency_ms=10)
    *_, best = recommended([*ROWS, narrow])
    assert best.endswith("int8; a tenth; half; small; w4")


def test_the_step_comes_before_all_others() -> None:
    made = pruned(load_recipe("w8a8"), 0.25)
    build_steps(made)
    assert [step.name for step in made.steps] == ["prune", "guard", "ranges", "placement", "bias_correction"]
    assert made.steps[0].options == {"share": 0.25} and made.name == "w8a8, 25% pruned"


def test_training_comes_before_biases_are_corrected() -> None:
    pytest.importorskip("torch", reason="the extra torch is not installed")
    for name, last in (("w8a8", ["bias_correction"]), ("w4a4-finetune", [])):
        made = pruned(load_recipe(name), 0.25, "20m")
        build_steps(made)
        names = [step.name for step in made.steps]
        assert names[0] == "prune" and names[names.index("refit") :] == ["refit", "finetune", *last]
        assert made.name == f"{name}, 25% pruned, trained 20m"


def test_a_row_has_the_figures_of_its_file(tmp_path: Path) -> None:
    setting = Setting(data="crops", recipe=load_recipe("dynamic"), calib=4, limit=4)
    first, made, path = quantized(detquant.load("resnet-pico"), WHOLE, "dynamic", setting, tmp_path)
    assert path.stat().st_size == made.size_bytes < first.size_bytes
    assert first.macs == detquant.inspect("resnet-pico")["macs"] == pytest.approx(made.macs, rel=0.01)
    assert len(cells(first, row("float", FLOAT, 50, 20))) == len(pruning.HEADER)


def test_a_classifier_that_ships_with_detquant_has_one_size() -> None:
    with pytest.raises(OptionError, match="has one input size"):
        pruning.at_side("resnet-pico", 24)
