from __future__ import annotations

import math

import pytest

from detquant.report.html import svg


@pytest.mark.parametrize(
    ("low", "high", "count", "ticks"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 100, 5, [0, 20, 40, 60, 80, 100]),
        (-0.25, 1.47, 3, [0, 1]),
        (36.8, 37.4, 5, [36.8, 37.0, 37.2, 37.4]),
        (5, 5, 5, [5]),
        (math.nan, 1, 5, []),
        (-1e308, 1e308, 5, []),
    ],
)
def test_ticks_are_round(low, high, count, ticks):
    assert svg.Scale(low, high, 0, 100).ticks(count) == pytest.approx(ticks)


def test_a_scale_keeps_within_its_ends():
    scale = svg.Scale(0, 10, 100, 0)
    assert [scale(value) for value in (0, 5, 10, 20, -5)] == [100, 50, 0, 0, 100]
    assert scale(math.nan) == svg.Scale(3, 3, 0, 100)(3) == 50


def test_the_spread_of_numbers():
    assert svg.spread([1.0, None, math.nan, 3.0]) == (1, 3)
    assert svg.spread([1.0, 3.0], zero=True, margin=0.1) == (0, pytest.approx(3.3))
    assert svg.spread([]) == svg.spread([math.inf]) == (0, 1)
    assert svg.spread([2.0, 2.0]) == (1, 3) and svg.spread([0.0], zero=True) == (0, 0.5)


def test_bars_are_one_path():
    x, y = svg.Scale(0, 1, 0, 30), svg.Scale(0, 10, 100, 0)
    assert svg.bars([10, 0, 5], x, y, "k") == '<path d="M0 100V0h10V100h10V50h10V100z" class="k"/>'
    assert svg.bars([], x, y, "k") == svg.polyline([(1, 2)], "k") == ""
