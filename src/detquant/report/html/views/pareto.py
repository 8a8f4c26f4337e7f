"""Accuracy, time and size of all models beside each other, and those that none beats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from detquant.report import sheets
from detquant.report.html import svg
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.tables import Cell, Column, known, of_sheet, table
from detquant.report.html.words import lead, legend, missing, paragraph
from detquant.report.report import Report
from detquant.report.row import AGREEMENT
from detquant.report.sheets.numbers import megabytes
from detquant.report.untimed import latency_of, untimed_at, why_untimed

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620.0, 340.0, 52.0, 604.0, 26.0, 296.0
LABELS = 10
"""Points that have their name beside them; of more, the frontier has."""
NAMED = 6
"""Models that are named in the sentence."""
WHY = "Only one model was measured, so there is nothing to choose from."


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model to choose.

    Attributes:
        name: name of it.
        accuracy: its measure, or the points that it keeps, more being better.
        latency_ms: median time of an image; None where the times of its target mean nothing, see `Target.untimed`.
        size_bytes: bytes of its files.
        best: whether none is at least as good in everything.
        taken: whether it is the result.
    """

    name: str
    accuracy: float
    latency_ms: float | None
    size_bytes: int
    best: bool
    taken: bool = False


Across = Callable[[Candidate], float]
"""What a chart shows from left to right."""


def pareto(report: Report, scope: Scope) -> Markup:
    """Two charts, accuracy over time and over size, and the table of them."""
    measure, made = report.measure_title, candidates(report)
    searched = [
        Candidate(
            name=one.title,
            accuracy=-one.drop,
            latency_ms=None if untimed_at(report.target) else one.latency_ms,
            size_bytes=one.size_bytes,
            best=one.best,
            taken=one.taken,
        )
        for one in report.tried
    ]
    parts: list[Markup] = [paragraph(said, class_="muted") for said in why_untimed([report])]
    if len(made) > 1:
        parts += [*scatters(made, measure, scope, "rows", "Models"), candidates_table(made, measure, "Models")]
    if searched:
        parts += scatters(searched, f"change of {measure}", scope, "tried", "Models that the search has measured")
        parts.append(of_sheet(sheets.tried(report)))
    if report.widths is not None:
        parts.append(of_sheet(sheets.widths(report.widths), filtered="widths"))
    shown = len(made) > 1 or searched or report.widths is not None
    return joined(parts) if shown else missing(WHY)


def candidates(report: Report) -> list[Candidate]:
    """The rows that were measured; the frontier as the command found it, or else found here."""
    chosen = any(row.best is not None for row in report.rows)
    found = [*_measured(report, chosen)]
    return found if chosen else frontier(found)


def _measured(report: Report, chosen: bool) -> Iterator[Candidate]:
    for row in report.rows:
        # What the others are to agree with agrees with itself.
        itself = report.measure == AGREEMENT and row is report.reference
        value = 100.0 if itself else row.value(report.measure)
        if value is None or row.latency_ms is None:
            continue
        yield Candidate(
            name=f"{row.target} {row.precision}" if chosen else row.title,
            accuracy=value,
            latency_ms=latency_of(row),
            size_bytes=row.size_bytes or 0,
            best=bool(row.best),
            taken=row.name == report.about,
        )


def frontier(found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with those marked that none beats (Pareto)."""

    def merits(one: Candidate) -> tuple[float, ...]:
        return one.accuracy, -(one.latency_ms or 0.0), -one.size_bytes

    def beaten(one: Candidate) -> bool:
        mine = merits(one)
        return any(
            all(a >= b for a, b in zip(merits(other), mine, strict=True)) and merits(other) != mine for other in found
        )

    return [replace(one, best=not beaten(one)) for one in found]


def scatters(found: Sequence[Candidate], measure: str, scope: Scope, key: str, title: str) -> Iterator[Markup]:
    """A sentence and two charts; their numbers belong in a table below.

    Args:
        found: at least one.
        measure: what accuracy is called.
        scope: gives the ids.
        key: unique among the charts of the report.
        title: what the candidates are.
    """
    best = [one for one in found if one.best]
    named = ", ".join(one.name for one in best[:NAMED]) + (" and others" if len(best) > NAMED else "")
    timed = [one for one in found if one.latency_ms is not None]
    merits = "accuracy, time and size" if timed else "accuracy and size"
    yield lead(f"{title}: {len(found):,} measured, {len(best):,} beaten by none in {merits} together: {named}.")
    yield legend(
        [
            ("dot best", "beaten by none"),
            ("dot beaten", "beaten by another"),
            *([("dot best taken", "the result")] if any(one.taken for one in found) else []),
            ("line frontier", "the best of all for no more time, or size"),
        ]
    )
    axes: tuple[tuple[str, str, Across, Sequence[Candidate]], ...] = (
        ("time", "ms", lambda one: one.latency_ms or 0.0, timed if len(timed) > 1 else ()),
        ("size", "MB", lambda one: one.size_bytes / 1e6, found),
    )
    drawn = [
        _scatter(some, across, unit, (title, measure, name), scope, f"{key}-{name}")
        for name, unit, across, some in axes
        if some
    ]
    yield element("div", *(element("div", one, class_="wide") for one in drawn), class_="charts")


def candidates_table(found: Sequence[Candidate], measure: str, title: str) -> Markup:
    """The numbers of the charts."""
    columns = [
        Column(title="model", numeric=False),
        *(Column(title=name) for name in (measure, "ms", "size")),
        Column(title="", numeric=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            one.name,
            known(one.accuracy, ".2f"),
            known(one.latency_ms, ".2f"),
            Cell(shown=megabytes(one.size_bytes), value=one.size_bytes),
            "the result" if one.taken else "best" if one.best else "",
        ]
        for one in found
    ]
    return table(f"{title}: accuracy, time and size", columns, rows)


def _scatter(
    found: Sequence[Candidate], across: Across, unit: str, named: tuple[str, str, str], scope: Scope, key: str
) -> Markup:
    """Points, and the line of the best that there is up to each place."""
    title, measure, name = named
    x = svg.Scale(*svg.spread(map(across, found), zero=True, margin=0.08), LEFT, RIGHT)
    y = svg.Scale(*svg.spread((one.accuracy for one in found), margin=0.12), BOTTOM, TOP)
    places = [(x(across(one)), y(one.accuracy)) for one in found]
    labelled = [at for at, one in enumerate(found) if len(found) <= LABELS or one.best][: 2 * LABELS]
    points = [
        svg.point(
            place,
            6 if one.taken else 5,
            f"dot {'best' if one.best else 'beaten'}{' taken' if one.taken else ''}",
            f"{one.name}: {one.accuracy:.2f} {measure}, {across(one):.3g} {unit}",
        )
        for one, place in zip(found, places, strict=True)
    ]
    return svg.chart(
        scope,
        f"pareto-{key}",
        (WIDTH, HEIGHT),
        f"{title}: {measure} over {name}",
        "A point for each model; the numbers are in the table below.",
        svg.axis_left(y, LEFT, RIGHT, svg.short, measure),
        svg.axis_below(x, BOTTOM, svg.short, unit),
        svg.polyline(_steps(found, across, x, y), "curve frontier"),
        *points,
        *_names([(found[at].name, places[at]) for at in labelled]),
        class_="midway",
    )


def _steps(found: Sequence[Candidate], across: Across, x: svg.Scale, y: svg.Scale) -> list[svg.Place]:
    """The stairs of the best accuracy for no more than so much."""
    line, most = list[svg.Place](), None
    for one in sorted(found, key=lambda one: (across(one), -one.accuracy)):
        if most is None or one.accuracy > most:
            line += [(x(across(one)), y(most))] if most is not None else []
            line.append((x(across(one)), y(one.accuracy)))
            most = one.accuracy
    return [*line, (RIGHT, y(most))] if most is not None else line


def _names(points: Sequence[tuple[str, svg.Place]]) -> Iterator[Markup]:
    """Names beside their points, moved down where two would lie over each other, and to the left at the right end."""
    taken: list[tuple[float, float, float]] = []
    for name, (at, height) in sorted(points, key=lambda point: (point[1][1], point[1][0])):
        said = name if len(name) <= 28 else f"{name[:27]}…"
        wide = 6.2 * len(said)
        anchor, left = ("end", at - 9 - wide) if at + 9 + wide > RIGHT else ("start", at + 9)
        base = height + 4
        while any(left < end and start < left + wide and abs(base - other) < 13 for start, end, other in taken):
            base += 3
        taken.append((left, left + wide, base))
        yield svg.text((at - 9 if anchor == "end" else at + 9, base), said, "label halo", anchor)
