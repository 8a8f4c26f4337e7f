"""Where it is lost: what rounding each tensor costs alone and what has come together, and the grid of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from detquant.report.evidence import TensorLoss
from detquant.report.html import svg
from detquant.report.html.grid_picture import grid_picture
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.shades import error_keys, error_said, error_shade
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import facts, folded, lead, legend, missing, paragraph, plural
from detquant.report.report import Report

MOST = 1000
"""Tensors that are shown."""
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000.0, 190.0, 40.0, 22.0, 160.0
WHY = (
    "Grids of single tensors were not kept in this run: they are known of models that detquant itself quantised with "
    "static grids."
)
KINDS = (("activation", "Activations"), ("weight", "Weights"))


def layers(report: Report, scope: Scope) -> Markup:
    """Bars of all tensors, and a table in which each can be opened."""
    found = report.evidence.tensors if report.evidence else ()
    if not found:
        return missing(WHY)
    shown = found[:MOST]
    opened = set(_drawn(shown, scope.histograms))
    charts = [_bars(shown, kind, title, scope) for kind, title in KINDS]
    drawn = [chart for chart in charts if chart is not None]
    without = sum(bool(one.counts) for one in shown) - len(opened)
    notes = [
        f"The first {MOST:,} of {len(found):,} tensors are shown." if len(found) > MOST else None,
        f"{plural(without, 'tensor')} with the highest SQNR {'is' if without == 1 else 'are'} without histogram, to "
        f"keep the page small."
        if without > 0
        else None,
    ]
    return joined(
        (
            lead(_sentence(found)),
            legend(
                [
                    *((f"bar {class_}", f"SQNR alone: {said}") for class_, said in error_keys()[:-1]),
                    ("line cumulative", "SQNR of all rounding so far"),
                ]
            )
            if drawn
            else None,
            *(element("div", chart, class_="wide") for chart in drawn),
            *(paragraph(note, class_="muted") for note in notes if note),
            _table(shown, scope, opened),
        )
    )


def _sentence(found: Sequence[TensorLoss]) -> str:
    told = [one for one in found if _finite(one.alone_db)]
    if not told:
        return f"{len(found):,} tensors are on grids; what rounding each of them costs was not measured."
    worst = min(told, key=lambda one: one.alone_db or 0.0)
    last = next((one for one in reversed(found) if _finite(one.cumulative_db)), None)
    end = f" At the end of the graph, {error_said(last.cumulative_db)} are left." if last else ""
    return (
        f"Of {len(found):,} tensors on grids, rounding costs most at {worst.name} ({worst.kind}, {worst.bits} bits): "
        f"{error_said(worst.alone_db)} alone. A bar is a tensor, in the order of the graph: the shorter, the more is "
        f"lost.{end}"
    )


def _drawn(shown: Sequence[TensorLoss], most: int) -> list[int]:
    """Places of the tensors that have a histogram: those that lose most, where there is no room for all."""
    having = [place for place, one in enumerate(shown) if one.counts]
    return sorted(having, key=lambda place: _lost(shown[place]))[:most]


def _lost(one: TensorLoss) -> float:
    return min(
        value if value is not None and _finite(value) else math.inf for value in (one.alone_db, one.cumulative_db)
    )


def _bars(shown: Sequence[TensorLoss], kind: str, title: str, scope: Scope) -> Markup | None:
    """The chart of one kind of tensor: bars for each alone, a line for all together."""
    some = [(place, one) for place, one in enumerate(shown) if one.kind == kind]
    known_ones = [value for _, one in some for value in (one.alone_db, one.cumulative_db) if _finite(value)]
    if not known_ones:
        return None
    low, high = svg.spread(known_ones, zero=True)
    x, y = svg.Scale(0, len(some), LEFT, WIDTH - 4), svg.Scale(low, high, BOTTOM, TOP)
    thick = max(0.8, min(18.0, 0.8 * (x(1) - x(0))))
    bars, line = list[Markup](), list[svg.Place]()
    for at, (place, one) in enumerate(some):
        middle = x(at + 0.5)
        if one.cumulative_db is not None and _finite(one.cumulative_db):
            line.append((middle, y(one.cumulative_db)))
        if one.alone_db is None or not _finite(one.alone_db):
            continue
        top, base = sorted((y(one.alone_db), y(0.0)))
        hint = (
            f"{one.name}: {error_said(one.alone_db)} alone, {error_said(one.cumulative_db)} together, {one.bits} bits"
        )
        bars.append(
            svg.rectangle(
                (middle - thick / 2, top),
                (thick, base - top),
                f"bar {error_shade(one.alone_db)}",
                hint,
                data_for=scope.id("tensor", place),
            )
        )
    return svg.chart(
        scope,
        f"losses-{kind}",
        (WIDTH, HEIGHT),
        f"{title}: SQNR of each tensor",
        "A bar for each tensor in the order of the graph; the numbers are in the table below.",
        svg.axis_left(y, LEFT, WIDTH - 4, svg.short, f"{title}, SQNR in dB"),
        *bars,
        svg.polyline(line, "curve cumulative"),
        svg.text((WIDTH - 4, BOTTOM + 18), f"{len(some):,} tensors, from the input to the outputs", anchor="end"),
        class_="losses broad",
    )


def _table(shown: Sequence[TensorLoss], scope: Scope, opened: set[int]) -> Markup:
    columns = [
        Column(title="tensor", numeric=False, class_="named"),
        Column(title="kind", numeric=False),
        *(
            Column(title=name)
            for name in (
                "bits",
                "alone",
                "together",
                "clipped, %",
                "scale",
                "zero",
            )
        ),
        Column(title="grid", numeric=False, class_="range"),
    ]
    rows: list[list[Cell | str]] = [
        [
            Cell(shown=_opened(one, scope, place, place in opened), value=one.name),
            one.kind,
            known(one.bits, "d"),
            _decibel(one.alone_db),
            _decibel(one.cumulative_db),
            known(one.clipped, ".3f"),
            known(one.scale, ".4g"),
            known(one.zero_point, "d"),
            Cell(shown=_range(one.low, one.high), value=None),
        ]
        for place, one in enumerate(shown)
    ]
    ids = [scope.id("tensor", place) for place in range(len(shown))]
    return table(
        "Tensors in the order of the graph; open one to see its grid",
        columns,
        rows,
        class_="tensors",
        filtered="tensors",
        row_ids=ids,
    )


def _decibel(value: float | None) -> Cell:
    return Cell(
        shown=element("span", error_said(value), class_=f"shade {error_shade(value)}"),
        value=value if _finite(value) else None,
    )


def _opened(one: TensorLoss, scope: Scope, place: int, drawn: bool) -> Markup:
    """The name of a tensor, and its grid when it is opened."""
    clipped = "not known" if one.clipped is None or not _finite(one.clipped) else f"{one.clipped:.3f} % of the numbers"
    steps = f"{one.scale:.6g}" + (f", the median of {one.steps:,}" if one.steps > 1 else "")
    told = facts(
        [
            ("read by" if one.kind == "weight" else "made by", one.operator),
            ("scale", steps),
            ("zero point", f"{one.zero_point}"),
            ("width", f"{one.bits} bits, {_levels(one.bits)} levels"),
            ("grid", _range(one.low, one.high)),
            ("numbers seen", _range(one.seen_low, one.seen_high)),
            ("outside the grid", clipped),
        ]
    )
    return folded(
        element("span", one.name, class_="name"), grid_picture(one, scope, f"grid-{place}") if drawn else None, told
    )


def _range(low: float, high: float) -> str:
    return f"{low:.4g} … {high:.4g}"


def _levels(bits: int) -> str:
    return f"{2**bits:,}" if 0 < bits <= 32 else "–"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
