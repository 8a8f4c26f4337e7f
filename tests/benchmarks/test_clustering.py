"""The table of clustered weights beside fewer bits: rows are told beside the 8-bit file of their model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clustering import Row, cells, clustered, measured

from detquant.algorithms import build_steps
from detquant.recipes import Step, load_recipe


def row(recipe: str, size: int, latency: float, after: float) -> Row:
    return Row(
        model="one",
        recipe=recipe,
        measure="ap, 4",
        before=50.0,
        after=after,
        size_bytes=size,
        zipped_bytes=size // 2,
        latency_ms=latency,
    )


def test_sizes_and_times_are_told_beside_eight_bits() -> None:
    eight, few = row("w8a8", 4_000_000, 2.0, 49.9), row("cluster4-w8a8", 1_000_000, 2.1, 48.25)
    assert cells(few, eight) == (
        *("one", "cluster4-w8a8", "ap, 4"),
        *("50.00", "48.25", "1.75", "1.000", "0.500", "0.25", "1.05"),
    )
    assert cells(eight, eight)[-2:] == ("1.00", "1.00")


def test_the_number_of_codes_goes_to_the_step() -> None:
    made = clustered(8)
    assert made.name == "cluster8-w8a8" and build_steps(made)[-1].clusters == 8
    assert clustered(16) == load_recipe("cluster16-w8a8")


@pytest.mark.slow
def test_rows_have_the_figures_of_their_files() -> None:
    few = Step("cluster", {"clusters": 4, "samples": 10, "ridge": 0.1})
    recipes = [replace(load_recipe("w8a8"), steps=()), replace(clustered(4), steps=(few,))]
    eight, made = measured("resnet-pico", recipes, calib=4, limit=4, runs=1)
    assert (made.model, made.recipe, made.measure) == ("resnet-pico", "cluster4-w8a8", "top1, 4")
    assert made.size_bytes < 0.4 * eight.size_bytes and made.zipped_bytes <= made.size_bytes
    assert made.latency_ms > 0 and eight.before == made.before
