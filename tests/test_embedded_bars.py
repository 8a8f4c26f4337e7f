"""What the embedded detector is to show, on the embedded scenes: float sees, naive does not, detquant does."""

from __future__ import annotations

import pytest

from detquant.pipeline.demo import demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    found = demo().report.figures()
    assert found["images"] == 300
    return {row["name"]: row for row in found["rows"]}


def test_float_sees(rows):
    assert 55 < rows["float"]["ap"] < 85


def test_naive_is_much_worse(rows):
    assert rows["naive"]["ap"] < rows["float"]["ap"] / 2


def test_w8a8_still_sees(rows):
    assert rows["float"]["ap"] - rows["w8a8"]["ap"] < 1
