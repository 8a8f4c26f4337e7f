"""Accuracy and missed objects by class and by size of the object, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from detquant.evaluation.breakdown import Part
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.svg import Scale, line, point, spread
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import lead, missing, paragraph
from detquant.report.report import Report

MOST = 1000
WIDTH, HEIGHT = 150.0, 18.0
KINDS = (("size", "By size of the object", "sizes"), ("class", "By class", "classes"))
LEAST = (-0.5, 0.5)
"""Changes that the pictures reach at least, points: tenths are to look small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is counted, and how it is missed."""

    things: str
    missed: str
    said: str


OF_TASK = {
    "detect": Words(things="objects", missed="missed", said="{} objects missed"),
    "classify": Words(things="images", missed="wrong", said="{} images taken for another class"),
}
WHY = "No accuracy of single classes was kept in this run: it takes labelled images."


def parts(report: Report, scope: Scope) -> Markup:
    """A table of sizes and one of classes, the change as a small picture in each row."""
    found = report.evidence.parts if report.evidence else ()
    if not found:
        return missing(WHY)
    scale = Scale(
        *spread([*LEAST, *(end for one in found for end in (_change(one), one.low, one.high))], margin=0.05),
        4,
        WIDTH - 4,
    )
    words = OF_TASK.get(report.task, OF_TASK["detect"])
    made: list[Markup | None] = [lead(_sentence(found, report.measure_title, words))]
    for kind, title, several in KINDS:
        some = [one for one in found if one.kind == kind]
        if some:
            made.append(_table(some[:MOST], title, several, report.measure_title, words, scale))
            made.append(
                paragraph(f"The first {MOST:,} of {len(some):,}.", class_="muted") if len(some) > MOST else None
            )
    bounded = any(one.low is not None for one in found)
    how = (
        "Bars are the interval of the change from resampling the images; those that do not cross the line are certain."
    )
    made.append(paragraph(how, class_="muted") if bounded else None)
    return joined(made)


def _sentence(found: Sequence[Part], measure: str, words: Words) -> str:
    known_ones = [one for one in found if one.kind == "class" and _change(one) is not None] or [
        one for one in found if _change(one) is not None
    ]
    missed = sum(one.missed_after - one.missed_before for one in found if one.kind == "class")
    count = f"{abs(missed):,} {'more' if missed > 0 else 'fewer'}" if missed else "as many"
    more = f"{words.said.format(count)} {'in all' if missed else 'as before'}"
    if not known_ones:
        return f"{more.capitalize()}."
    worst = min(known_ones, key=lambda one: _change(one) or 0.0)
    certain = sum(one.high is not None and one.high < 0 for one in known_ones)
    many = f"{certain:,} of {len(known_ones):,} {'loses' if certain == 1 else 'lose'}" if certain else "none loses"
    sure = f"; {many} for certain" if any(one.high is not None for one in known_ones) else ""
    change = _change(worst) or 0.0
    if change >= 0:
        return f"None loses {measure}{sure}; {more}."
    return f"'{worst.name}' loses most: {change:+.2f} {measure} on {worst.objects:,} {words.things}{sure}; {more}."


def _table(some: Sequence[Part], title: str, several: str, measure: str, words: Words, scale: Scale) -> Markup:
    columns = [
        Column(title=several, numeric=False),
        *(Column(title=name) for name in (words.things, f"{measure}, float", f"{measure}, quantised", "change")),
        Column(title="", numeric=False, class_="spark"),
        *(Column(title=name) for name in ("from", "to", f"{words.missed}, float", f"{words.missed}, quantised")),
    ]
    rows: list[list[Cell | str]] = [
        [
            one.name,
            Cell(shown=f"{one.objects:,}", value=one.objects),
            known(one.before, ".2f"),
            known(one.after, ".2f"),
            known(_change(one), "+.2f"),
            Cell(shown=_interval(one, scale), value=None),
            known(one.low, "+.2f"),
            known(one.high, "+.2f"),
            Cell(shown=f"{one.missed_before:,}", value=one.missed_before),
            Cell(shown=f"{one.missed_after:,}", value=one.missed_after),
        ]
        for one in some
    ]
    return table(title, columns, rows, filtered=several)


def _change(one: Part) -> float | None:
    change = None if one.before is None or one.after is None else one.after - one.before
    return change if change is not None and math.isfinite(change) else None


def _interval(one: Part, scale: Scale) -> Markup | None:
    """The change as a point, its interval as a bar, beside zero; its numbers stand in the cells about it."""
    change = _change(one)
    if change is None:
        return None
    middle = HEIGHT / 2
    sure = "sure" if one.high is not None and one.low is not None and not one.low <= 0 <= one.high else "unsure"
    bar = (
        line((scale(one.low), middle), (scale(one.high), middle), "bar")
        if one.low is not None and one.high is not None
        else None
    )
    return element(
        "svg",
        line((scale(0), 1), (scale(0), HEIGHT - 1), "axis"),
        element(
            "g", bar, point((scale(change), middle), 3.5, "dot"), class_=f"{sure} {'loss' if change < 0 else 'gain'}"
        ),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="interval",
        aria_hidden="true",
    )
