"""Accuracy and missed objects by class and by size of the object, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence

from detquant.evaluation.breakdown import Part
from detquant.evaluation.resampling import FEW
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.svg import Scale, line, point, spread
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import lead, missing, paragraph, plural
from detquant.report.report import Report

MOST = 1000
WIDTH, HEIGHT = 150.0, 18.0
KINDS = (("size", "By size of the object", "sizes"), ("class", "By class", "classes"))
LEAST = (-0.5, 0.5)
"""Changes that the pictures reach at least, points: tenths are to look small."""
THINGS = {True: ("object", "missed"), False: ("image", "taken for something else")}
"""What is counted of detectors and of classifiers, and what becomes of it."""
HOW = "Bars are the interval of the change from resampling the images; those that do not cross the line are certain."
TOO_FEW = "There is no interval of what fewer than {least} images have."
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
    made: list[Markup | None] = [lead(_sentence(found, report.measure_title, report.task))]
    for kind, title, several in KINDS:
        some = [one for one in found if one.kind == kind]
        if some:
            made.append(_table(some[:MOST], title, several, report, scale))
            made.append(
                paragraph(f"The first {MOST:,} of {len(some):,}.", class_="muted") if len(some) > MOST else None
            )
    bounded = [one.low is not None for one in found]
    how = [HOW] if any(bounded) else []
    how += [] if all(bounded) else [TOO_FEW.format(least=FEW)]
    made.append(paragraph(" ".join(how), class_="muted"))
    return joined(made)


def _sentence(found: Sequence[Part], measure: str, task: str) -> str:
    thing, lost = THINGS[task == "detect"]
    known_ones = [one for one in found if one.kind == "class" and _change(one) is not None] or [
        one for one in found if _change(one) is not None
    ]
    missed = sum(one.missed_after - one.missed_before for one in found if one.kind == "class")
    words = "more" if missed > 0 else "fewer"
    more = f"{plural(abs(missed), thing)} {words} {lost} in all" if missed else f"as many {thing}s {lost} as before"
    if not known_ones:
        return f"{more.capitalize()}."
    worst = min(known_ones, key=lambda one: _change(one) or 0.0)
    certain = sum(one.high is not None and one.high < 0 for one in known_ones)
    many = f"{certain:,} of {len(known_ones):,} {'loses' if certain == 1 else 'lose'}" if certain else "none loses"
    sure = f"; {many} for certain" if any(one.high is not None for one in known_ones) else ""
    change = _change(worst) or 0.0
    if change >= 0:
        return f"None loses {measure}{sure}; {more}."
    return f"'{worst.name}' loses most: {change:+.2f} {measure} on {plural(worst.objects, thing)}{sure}; {more}."


def _table(some: Sequence[Part], title: str, several: str, report: Report, scale: Scale) -> Markup:
    measure, detects = report.measure_title, report.task == "detect"
    thing, wrong = f"{THINGS[detects][0]}s", "missed" if detects else "wrong"
    columns = [
        Column(title=several, numeric=False),
        *(Column(title=name) for name in (thing, f"{measure}, float", f"{measure}, quantised", "change")),
        Column(title="", numeric=False, class_="spark"),
        *(Column(title=name) for name in ("from", "to", f"{wrong}, float", f"{wrong}, quantised")),
    ]
    rows: list[list[Cell | str]] = [
        [
            one.name,
            Cell(shown=f"{one.objects:,}", value=one.objects),
            known(one.before, ".2f"),
            known(one.after, ".2f"),
            known(_change(one), "+z.2f"),
            Cell(shown=_interval(one, scale), value=None),
            known(one.low, "+z.2f"),
            known(one.high, "+z.2f"),
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
