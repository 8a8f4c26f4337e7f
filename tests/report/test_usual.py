"""What is usual is what the pages of this repository say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detquant.families import FAMILIES
from detquant.report.usual import USUAL, usual

DOCS = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("key", USUAL)
def test_its_ends_stand_on_the_page_that_is_named(key: tuple[str, str]) -> None:
    known = USUAL[key]
    page, command = known.source.split(", ")
    text = (DOCS / page).read_text(encoding="utf-8")
    assert key[0] in FAMILIES and known.low <= known.high and command in text
    for end in (known.low, known.high):
        assert re.search(rf"\| {end:.2f} \|" if end != round(end, 1) else rf"\| {end:.1f}0? \|", text), end


def test_by_the_widths_that_a_recipe_begins_with() -> None:
    known = usual("yolov8", "w8a8-refit")
    assert known is not None and known == usual("yolov8", "w8a8") and known.low == 0.0 and "YOLOv8n" in known.what
    assert usual("yolov8", "w4a8") != known


@pytest.mark.parametrize(
    ("family", "recipe"), [("ssd300", "w8a8"), ("yolov8", "dynamic"), ("yolov8", "w8a88"), ("yolov8", "mine-w8a8")]
)
def test_what_is_not_known_is_none(family: str, recipe: str) -> None:
    assert usual(family, recipe) is None
