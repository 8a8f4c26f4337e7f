"""Precision, recall and F1 over confidence, and the threshold at which the quantised model sees as much as before."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

from detquant.evaluation.thresholds import Point, Thresholds
from detquant.report.html import svg
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import folded, lead, legend, missing, paragraph, plural
from detquant.report.report import Report

CURVES = (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
MOST_POINTS, ROWS = 300, 21
"""Points of a curve that are drawn, and rows of the table of it."""
SIZE, LEFT, RIGHT, TOP, BOTTOM = (340.0, 250.0), 40.0, 326.0, 24.0, 208.0
WHY = (
    "No curves over confidence were kept in this run: there are none of classifiers, of models without a quantised "
    "form, and where neither of the two models finds anything."
)


def threshold(report: Report, scope: Scope) -> Markup:
    """Three charts, a slider that reads them off, and the table."""
    told = report.evidence.thresholds if report.evidence else None
    if told is None or not (told.before and told.after):
        return missing(WHY)
    before, after = thinned(told.before), thinned(told.after)
    return joined(
        (
            lead(sentence(told)),
            paragraph(_basis(told), class_="muted"),
            legend([("line float", "float"), ("line quantised", "quantised"), *_lines(told)]),
            element(
                "div",
                *(_curve(told, before, after, name, title, scope) for name, title in CURVES),
                class_="charts curves",
                data_before=_data(before),
                data_after=_data(after),
                data_scale=json.dumps([LEFT, RIGHT]),
            ),
            _reader(told, scope),
            _at_thresholds(told),
            folded("The curves as a table", _as_table(before, after)),
        )
    )


def sentence(told: Thresholds) -> str:
    """What to use, in a sentence."""
    before, after = (_value(point, told) for point in (told.before_at_asked, told.after_at_asked))
    shift = f"At {told.asked:g} the float model has {before}{_WHAT[told.by]}, the quantised model {after}"
    if not told.labelled:
        shift = {
            "recall": f"At {told.asked:g} the float model has {before}, the quantised model {after}",
            "f1": f"At {told.asked:g} the boxes of both models agree by an F1 of {after}",
        }[told.by]
    if told.proposed is None or told.after_at_proposed is None:
        why = f": {told.why}" if told.why else ""
        return f"{shift}; no threshold gives the quantised model {_SAME[told.labelled, told.by]}{why}."
    there = _value(told.after_at_proposed, told)
    if told.proposed == told.asked:
        return f"{shift}: keep the threshold of {told.asked:g}."
    return f"{shift}. Use {told.proposed:g} for the quantised model: there it has {there}."


def thinned(points: Sequence[Point]) -> list[Point]:
    """As many points of a curve as can be told apart, and only such as are numbers."""
    good = [one for one in points if all(map(math.isfinite, (one.confidence, one.precision, one.recall, one.f1)))]
    step = max(1, math.ceil(len(good) / MOST_POINTS))
    return good[::step]


_WHAT = {"recall": " recall", "f1": " F1"}
_SAME = {
    (True, "recall"): "the float model's recall",
    (True, "f1"): "the float model's F1",
    (False, "recall"): "as many boxes",
    (False, "f1"): "boxes of the float model's",
}
"""What a threshold is to give, by whether objects are known and what it keeps."""


def _value(point: Point, told: Thresholds) -> str:
    """What a threshold is chosen by: recall or F1; where no objects are known, the number of boxes for recall."""
    if told.by == "f1":
        return f"{point.f1:.1f} %"
    return f"{point.recall:.1f} %" if told.labelled else plural(point.boxes, "box", "boxes")


def _basis(told: Thresholds) -> str:
    if told.labelled:
        return "Objects are those that the data set knows."
    return f"The data set knows no objects: the float model's boxes of at least {told.asked:g} stand for them."


def _lines(told: Thresholds) -> Iterator[tuple[str, str]]:
    yield "line asked", f"{told.asked:g}, asked for"
    if told.proposed is not None:
        yield "line proposed", f"{told.proposed:g}, proposed for the quantised model"


def _curve(
    told: Thresholds, before: Sequence[Point], after: Sequence[Point], name: str, title: str, scope: Scope
) -> Markup:
    x, y = svg.Scale(0.0, 1.0, LEFT, RIGHT), svg.Scale(0.0, 100.0, BOTTOM, TOP)
    thresholds = [("asked", told.asked), *([("proposed", told.proposed)] if told.proposed is not None else [])]
    upright = [svg.line((x(value), TOP), (x(value), BOTTOM), f"upright {kind}") for kind, value in thresholds]
    curves = [
        svg.polyline([(x(one.confidence), y(getattr(one, name))) for one in points], f"curve {kind}")
        for kind, points in (("float", before), ("quantised", after))
    ]
    reading = svg.line((LEFT, TOP), (LEFT, BOTTOM), "upright reading")
    return svg.chart(
        scope,
        f"curve-{name}",
        SIZE,
        f"{title} over confidence",
        f"{title} of the float and the quantised model at each threshold; the numbers are in the table below.",
        svg.axis_left(y, LEFT, RIGHT, svg.short, f"{title}, %"),
        svg.axis_below(x, BOTTOM, svg.short, "confidence"),
        *upright,
        *curves,
        reading,
    )


def _reader(told: Thresholds, scope: Scope) -> Markup:
    """The slider; hidden without the script that reads the curves off."""
    key = scope.id("confidence")
    start = told.proposed if told.proposed is not None else told.asked
    return element(
        "div",
        element("label", "Read off at confidence ", element("output", for_=key), for_=key),
        element("input", type="range", id=key, min=0, max=1, step=0.005, value=start, class_="confidence"),
        element("p", class_="read", aria_live="polite"),
        class_="reader",
        hidden=True,
    )


def _at_thresholds(told: Thresholds) -> Markup:
    rows: list[list[Cell | str]] = [
        ["float, as asked", *_cells(told.before_at_asked)],
        ["quantised, as asked", *_cells(told.after_at_asked)],
    ]
    if told.after_at_proposed is not None:
        rows.append(["quantised, as proposed", *_cells(told.after_at_proposed)])
    columns = [
        Column(title="model", numeric=False),
        *(Column(title=name) for name in ("threshold", "precision, %", "recall, %", "F1, %")),
    ]
    return table("What comes of the thresholds", columns, rows)


def _cells(point: Point) -> list[Cell | str]:
    return [
        known(point.confidence, "g"),
        *(known(value, ".2f") for value in (point.precision, point.recall, point.f1)),
    ]


def _as_table(before: Sequence[Point], after: Sequence[Point]) -> Markup:
    """Both curves at the float model's thresholds, as many as one reads."""
    step = max(1, math.ceil(len(before) / ROWS))
    rows: list[list[Cell | str]] = []
    for one in before[::step]:
        other = min(after, key=lambda point: abs(point.confidence - one.confidence)) if after else None
        pairs = ((getattr(one, name), getattr(other, name) if other else None) for name, _ in CURVES)
        rows.append([known(one.confidence, ".3f"), *(known(value, ".1f") for pair in pairs for value in pair)])
    titles = [f"{title}, {model}" for _, title in CURVES for model in ("float", "quantised")]
    return table(
        "Precision, recall and F1 over confidence, per cent",
        [Column(title="confidence"), *(Column(title=title) for title in titles)],
        rows,
    )


def _data(points: Sequence[Point]) -> str:
    """The curve for the script that reads it off."""
    return json.dumps(
        [[round(value, 4) for value in (one.confidence, one.precision, one.recall, one.f1)] for one in points],
        separators=(",", ":"),
    )
