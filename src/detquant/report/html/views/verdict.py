"""What came of it: in words, in large figures, in the table that the terminal shows, and what to look at next."""

from __future__ import annotations

from collections.abc import Iterator

from detquant.report import sheets
from detquant.report.evidence import Evidence
from detquant.report.html.markup import Child, Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.tables import of_sheet
from detquant.report.html.words import bullets, folded, lead, paragraph, plural
from detquant.report.remarks import report_remarks, report_warnings
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.report.sheets import Sheet
from detquant.report.sheets.numbers import megabytes, milliseconds, times
from detquant.report.untimed import untimed_at
from detquant.report.verdict import NOTHING, Next, drop_of, float_beside, focus, judged, to_look_at
from detquant.report.verdict import verdict as sentences

OPENED = 4
"""Remarks that are shown without being asked for."""
JUDGEMENTS = {
    "normal": "as usual",
    "less": "less than usual",
    "more": "more than usual",
    "unclear": "perhaps more than usual",
}


def verdict(report: Report, scope: Scope) -> Markup:
    """The first view: all that who reads one thing only should read."""
    row = focus(report)
    first, *others = sentences(report)
    return joined(
        (
            lead(first),
            *(paragraph(*_with_link(one, report)) for one in others),
            element("div", *_tiles(report, row), class_="tiles") if row else None,
            _warnings(report),
            of_sheet(first_sheet(report, row)),
            *(of_sheet(one) for one in _besides(report, row)),
            scope.heading("What to look at next"),
            bullets((_linked(one, scope) for one in to_look_at(report)), "next"),
            _remarks(report),
        )
    )


def first_sheet(report: Report, row: Row | None) -> Sheet:
    """The table that the terminal shows first."""
    if any(one.best is not None for one in report.rows):
        return sheets.choice(report)
    if report.subject is None or len(report.rows) > 2:
        return sheets.demo(report) if report.task == "detect" else sheets.workflow(report)
    return sheets.comparison(report, row or report.subject)


def _besides(report: Report, row: Row | None) -> Iterator[Sheet | None]:
    """Agreement where there is no truth; steps and learning curves where there are such."""
    if row is None:
        return
    yield sheets.agreement(row)
    if report.subject is not None:
        yield sheets.steps(report)
    yield from sheets.curves(row)


def _with_link(sentence: str, report: Report) -> Iterator[Child]:
    """A sentence; the source of what is usual, at its end, is a link where it is an address."""
    usual = report.evidence.usual if report.evidence else None
    source = usual.source if usual else ""
    if not (source.startswith("https://") and sentence.endswith(source)):
        yield sentence
        return
    yield sentence.removesuffix(source)
    yield element("a", source, href=source, rel="noreferrer")


def _tiles(report: Report, row: Row) -> Iterator[Markup]:
    before = report.reference
    values = before.value(report.measure), row.value(report.measure)
    drop = drop_of(report, row)
    known = report.evidence or Evidence()
    if drop is not None and values[0] is not None and values[1] is not None:
        usual = judged(drop, known.usual, known.interval) if known.usual and values[0] else None
        tag = (usual[0], JUDGEMENTS[usual[0]]) if usual else None
        yield _tile(report.measure_title, f"{values[1]:.2f}", f"{-drop:+z.2f} from {values[0]:.2f}", tag)
    elif values[1] is not None:
        yield _tile("agreement", f"{values[1]:.2f} %", "with the float model", None)
    if known.interval:
        low, high = -known.interval.high, -known.interval.low
        solved = ("less", "resolved") if not low <= 0 <= high else ("unclear", "not resolved")
        solved = ("normal", "no difference") if max(-low, high) < NOTHING else solved
        yield _tile(
            "change lies in",
            f"{low:+z.2f}…{high:+z.2f}",
            f"{known.interval.level:g} %, {plural(known.interval.images, 'image')}",
            solved,
        )
    before = float_beside(report, row)
    if before.latency_ms and row.latency_ms and not untimed_at(row.target):
        fast = ("less", "faster") if row.latency_ms < before.latency_ms else ("more", "slower")
        said = f"{milliseconds(before.latency_ms)} → {milliseconds(row.latency_ms)}"
        yield _tile("time of float", times(row.latency_ms, before.latency_ms), said, fast)
    if before.size_bytes and row.size_bytes:
        zipped = f", zipped {megabytes(row.zipped_bytes)}" if row.zipped_bytes is not None else ""
        said = f"{megabytes(before.size_bytes)} → {megabytes(row.size_bytes)}{zipped}"
        yield _tile("size of float", times(row.size_bytes, before.size_bytes), said, None)
    told = known.thresholds
    if told and told.proposed is not None:
        yield _tile("threshold", f"{told.proposed:g}", f"for {told.asked:g} of the float model", None)


def _tile(name: str, value: str, said: str, tag: tuple[str, str] | None) -> Markup:
    mark = element("span", tag[1], class_=f"tag {tag[0]}") if tag else None
    return element(
        "div",
        element("p", name, class_="name"),
        element("p", value, class_="value"),
        element("p", said, class_="said"),
        element("p", mark) if mark else None,
        class_="tile",
    )


def _warnings(report: Report) -> Markup | None:
    warned = report_warnings(report)
    if not warned:
        return None
    return element(
        "div",
        element("p", element("strong", "Warning" if len(warned) == 1 else "Warnings")),
        bullets(warned),
        class_="warning",
        role="note",
    )


def _linked(one: Next, scope: Scope) -> Markup:
    if one.view is None:
        return joined((one.sentence,))
    return joined((element("a", one.sentence, href=f"#{scope.id(one.view)}"),))


def _remarks(report: Report) -> Markup | None:
    said = report_remarks(report)
    if not said:
        return None
    return folded(plural(len(said), "remark"), bullets(said), opened=len(said) <= OPENED)
