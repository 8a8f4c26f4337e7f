"""The histogram of a tensor with its grid drawn under it: where the steps lie, and what falls beside them."""

from __future__ import annotations

import math

from detquant.report.evidence import TensorLoss
from detquant.report.html import svg
from detquant.report.html.markup import Markup, element, joined, number
from detquant.report.html.scope import Scope

WIDTH, HEIGHT, LEFT, TOP, BASE, GRID = 330.0, 132.0, 8.0, 8.0, 84.0, 96.0
"""Size, margins, the histogram's base and the grid's middle, in pixels."""
MOST_STEPS = 64
"""Steps of a grid that can be told apart as lines; a finer one is a band."""
MOST_BINS = 256


def grid_picture(one: TensorLoss, scope: Scope, key: str) -> Markup:
    """The picture; bars are logarithms of counts, so that rare numbers are seen."""
    low, high = svg.spread((one.low, one.high, one.seen_low, one.seen_high, 0.0))
    x = svg.Scale(low, high, LEFT, WIDTH - LEFT)
    counts = [math.log1p(max(0, min(count, 10**15))) for count in one.counts[:MOST_BINS]]
    bins = svg.Scale(0, 1, x(one.seen_low), x(one.seen_high))
    heights = svg.Scale(0.0, max(counts, default=0.0) or 1.0, BASE, TOP)
    ends = [(x(value), f"{value:.3g}") for value in (low, high)]
    labels = [
        svg.text((at, HEIGHT - 6), said, anchor=anchor)
        for (at, said), anchor in zip(ends, ("start", "end"), strict=True)
    ]
    zero = x(0.0)
    return svg.chart(
        scope,
        key,
        (WIDTH, HEIGHT),
        "Histogram, and the grid under it",
        None,
        _outside(one, x),
        svg.bars(counts, bins, heights, "histogram"),
        svg.line((LEFT, BASE), (WIDTH - LEFT, BASE), "axis"),
        _grid(one, x),
        svg.line((zero, TOP), (zero, GRID + 10), "upright zero"),
        *labels,
        svg.text((min(max(zero, 40), WIDTH - 40), HEIGHT - 6), "0", anchor="middle")
        if 50 < zero < WIDTH - 50
        else None,
        class_="grid-picture",
    )


def _outside(one: TensorLoss, x: svg.Scale) -> Markup:
    """What is seen below and above the grid: numbers that are clipped."""
    sides = ((one.seen_low, one.low), (one.high, one.seen_high))
    return joined(
        svg.rectangle((x(start), TOP), (x(end) - x(start), BASE - TOP), "clipped", "outside of the grid")
        for start, end in sides
        if x(end) - x(start) > 0.5
    )


def _grid(one: TensorLoss, x: svg.Scale) -> Markup:
    """A line for each step, or a band where there are too many."""
    band = svg.rectangle((x(one.low), GRID - 5), (x(one.high) - x(one.low), 10), "band")
    span = one.high - one.low
    steps = span / one.scale if math.isfinite(span) and math.isfinite(one.scale) and one.scale > 0 else math.inf
    if not 0 < steps <= MOST_STEPS or one.steps > 1:
        return band
    marks = "".join(f"M{number(x(one.low + at * one.scale))} {number(GRID - 5)}v10" for at in range(round(steps) + 1))
    return joined((band, element("path", d=marks, class_="steps")))
