"""The graph as blocks from top to bottom, in the colours of the precision that was executed, or of the error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from detquant.report.evidence import Block
from detquant.report.html.block_picture import block_picture
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.shades import UNTOLD, error_keys, error_said, error_shade, precision_keys, precision_shade
from detquant.report.html.tables import Cell, Column, table
from detquant.report.html.words import folded, lead, legend, missing, paragraph, plural
from detquant.report.report import Report
from detquant.report.slow import without_block

MOST = 800
"""Blocks that are drawn."""
WHY = "The graph was not kept in this run: it is known of models that detquant itself quantised."


def graph(report: Report, scope: Scope) -> Markup:
    """The picture, a switch between its two colours, and the table."""
    found = report.evidence.blocks if report.evidence else ()
    if not found:
        return missing(WHY)
    shown = found[:MOST]
    return joined(
        (
            lead(_sentence(found)),
            paragraph(f"The first {MOST:,} of {len(found):,} blocks are shown.", class_="muted")
            if len(found) > MOST
            else None,
            *(paragraph(said, class_="muted") for said in _without_block(report)),
            element("div", _switch(scope), legend_of(shown), _scrolled(shown, scope), class_="graph-view"),
            folded(f"{plural(len(shown), 'block')} as a table", _table(shown)),
        )
    )


def _without_block(report: Report) -> Iterator[str]:
    """What is to be said of layers that the runtime names as no block is."""
    titles = {row.name: row.title for row in report.rows}
    for one in report.evidence.profiles if report.evidence else ():
        if (said := without_block(one, titles.get(one.row, one.row))) is not None:
            yield said


def legend_of(shown: Sequence[Block]) -> Markup:
    """Both legends; the style sheet shows that of the colours that are on."""
    used = {precision_shade(one.executed or one.planned) for one in shown}
    by_precision = [(f"block {class_}", said) for class_, said in precision_keys() if class_ in used]
    if any(one.executed is None for one in shown):
        by_precision.append(("block planned", "dashed: planned, the runtime does not tell"))
    by_error = [(f"block {class_}", said) for class_, said in error_keys()]
    return joined(
        (
            element("div", legend(by_precision), class_="of-precision"),
            element("div", legend(by_error), class_="of-error"),
        )
    )


def _sentence(found: Sequence[Block]) -> str:
    told = [one for one in found if one.executed is not None]
    macs = sum(one.macs for one in found)
    if not told:
        planned = Counter(one.planned for one in found)
        said = ", ".join(f"{count:,} in {name}" for name, count in planned.most_common(4))
        return (
            f"The runtime does not tell in which precision it computes, so this is what was planned: "
            f"of {plural(len(found), 'block')}, {said}."
        )
    executed = Counter(one.executed for one in told)
    said = ", ".join(f"{count:,} in {name}" for name, count in executed.most_common(4))
    integer = sum(one.macs for one in told if _integer(one.executed))
    share = f" {100 * integer / macs:.1f} % of the multiplications are in integers." if macs else ""
    other = sum(_otherwise(one) for one in told)
    differ = f" {plural(other, 'block')} {'runs' if other == 1 else 'run'} otherwise than planned." if other else ""
    untold = len(found) - len(told)
    rest = f"; it does not tell of {untold:,}" if untold else ""
    return f"Of {plural(len(found), 'block')} the runtime executed {said}{rest}.{share}{differ}"


def _otherwise(one: Block) -> bool:
    """Whether a block runs in floating point where integers were planned, the other way round, or wider than half."""
    if not one.planned or precision_shade(one.executed) == UNTOLD:
        return False
    if precision_shade(one.planned) == "half":
        return precision_shade(one.executed) != "half"  # a runtime without half precision widens it
    planned = _integer(one.planned) and not re.fullmatch(r"w\d+", one.planned)  # weights alone run in floating point
    return planned != _integer(one.executed)


def _integer(precision: str | None) -> bool:
    return precision_shade(precision) in ("integer", "narrow")


def _switch(scope: Scope) -> Markup:
    """Two radio buttons, which work by the style sheet alone."""
    name = scope.id("colours")
    options = [
        element(
            "label",
            element("input", type="radio", name=name, class_=class_, checked=class_ == "by-precision"),
            f" {said}",
        )
        for class_, said in (("by-precision", "precision"), ("by-error", "error"))
    ]
    return element("fieldset", element("legend", "Coloured by"), *options, class_="switch")


def _scrolled(shown: Sequence[Block], scope: Scope) -> Markup:
    return element(
        "div",
        block_picture(shown, scope),
        class_="scrolled",
        role="region",
        tabindex=0,
        aria_label="The graph as blocks, from input to outputs",
    )


def _table(shown: Sequence[Block]) -> Markup:
    columns = [
        *(Column(title=name, numeric=False) for name in ("first operator", "block", "shape", "executed", "planned")),
        Column(title="SQNR"),
        Column(title="MACs"),
        Column(title="operators"),
        Column(title="why float", numeric=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            one.name,
            one.title,
            one.shape,
            one.executed or "not told",
            one.planned or "not told",
            Cell(
                shown=element("span", error_said(one.error_db), class_=f"shade {error_shade(one.error_db)}"),
                value=_or_none(one.error_db),
            ),
            Cell(shown=f"{one.macs:,}", value=one.macs),
            Cell(shown=f"{len(one.operators):,}", value=len(one.operators)),
            one.why_float or "",
        ]
        for one in shown
    ]
    return table("Blocks in the order of the graph", columns, rows, class_="blocks", filtered="blocks")


def _or_none(value: float | None) -> float | None:
    return value if value is not None and abs(value) < 1e9 else None
