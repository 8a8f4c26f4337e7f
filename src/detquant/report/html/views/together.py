"""Several runs beside each other: what each has lost and won, and whether they may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.views.pareto import Candidate, frontier, scatters
from detquant.report.html.words import lead, paragraph, plural
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.report.sheets.numbers import megabytes
from detquant.report.untimed import latency_of, ratio_of, why_untimed

Named = tuple[str, str, Report]
"""Title of a run, id of its part of the page, and its report."""


def together(runs: Sequence[Named]) -> Markup:
    """The comparison of several runs: every model of each in one table, and in one chart.

    Args:
        runs: at least two.
    """
    scope = Scope(prefix="together")
    measures = {report.measure_title for _, _, report in runs}
    return element(
        "section",
        scope.heading("Side by side", below=0, id_=scope.id("heading")),
        lead(f"{plural(len(runs), 'run')}, each model against the float model of its own run."),
        _caution(runs),
        *(paragraph(said, class_="muted") for said in why_untimed([report for _, _, report in runs])),
        _table(runs),
        _chart(runs, scope, measures.pop()) if _comparable(runs) else None,
        id="together",
        class_="view together",
        aria_labelledby=scope.id("heading"),
    )


def _comparable(runs: Sequence[Named]) -> bool:
    """Whether figures of these runs may stand in one chart: by one measure, of one float model, on the same images."""
    return len({(one.measure, one.model_sha256, one.data, one.images) for _, _, one in runs}) == 1


def _caution(runs: Sequence[Named]) -> Markup | None:
    """What keeps figures of these runs from being compared."""
    reports = [report for _, _, report in runs]
    apart = [
        name
        for name, values in (
            ("on other images", {(report.data, report.images) for report in reports}),
            ("from other float models", {report.model_sha256 for report in reports}),
            ("with other numbers of threads", {report.threads for report in reports}),
            ("by other measures", {report.measure for report in reports}),
            (
                "on other processors",
                {
                    report.evidence.provenance.processor
                    for report in reports
                    if report.evidence and report.evidence.provenance
                },
            ),
        )
        if len(values) > 1
    ]
    if not apart:
        return None
    return element(
        "div",
        paragraph(f"These runs were measured {', '.join(apart)}: compare changes, not figures."),
        class_="warning",
        role="note",
    )


def _table(runs: Sequence[Named]) -> Markup:
    columns = [
        *(Column(title=name, numeric=False) for name in ("run", "model", "on", "measured on")),
        *(Column(title=name) for name in ("accuracy", "change", "ms", "of float's time", "size")),
    ]
    rows = [_row(title, target, report, row) for title, target, report in runs for row in report.rows]
    return table("All models of all runs", columns, rows, filtered="models")


def _row(title: str, target: str, report: Report, row: Row) -> list[Cell | str]:
    value, before = row.value(report.measure), report.reference.value(report.measure)
    change = None if value is None or before is None or row is report.reference else value - before
    return [
        Cell(shown=element("a", title, href=f"#{target}"), value=title),
        row.title if row.failure is None else f"{row.title}: {row.failure}",
        row.target,
        f"{plural(report.images, 'image')} of {report.data}",
        Cell(shown="–" if value is None else f"{value:.2f} {report.measure_title}", value=value),
        known(change, "+z.2f"),
        *(known(one, ".2f") for one in (latency_of(row), ratio_of(row))),
        Cell(shown="–" if row.size_bytes is None else megabytes(row.size_bytes), value=row.size_bytes),
    ]


def _chart(runs: Sequence[Named], scope: Scope, measure: str) -> Markup | None:
    found = frontier([*_candidates(runs)])
    return joined(scatters(found, measure, scope, "all", "Models of all runs")) if len(found) > 1 else None


def _candidates(runs: Sequence[Named]) -> Iterator[Candidate]:
    for title, _, report in runs:
        for row in report.rows:
            value = row.value(report.measure)
            if value is not None and row.latency_ms is not None:
                yield Candidate(
                    name=f"{title}: {row.title}",
                    accuracy=value,
                    latency_ms=latency_of(row),
                    size_bytes=row.size_bytes or 0,
                    best=False,
                )
