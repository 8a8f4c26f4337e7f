"""Tables of a page: those of `sheets`, and those with pictures in their cells."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from detquant.report.html.markup import Child, Markup, element, joined
from detquant.report.sheets import Sheet

NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
UNKNOWN = "–"
FILTERED, TALL = 15, 30
"""Rows beyond which a table has a field that filters it, and beyond which it scrolls by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        title: its header.
        numeric: whether it holds numbers: aligned right, and sorted as such.
        class_: for the style sheet.
    """

    title: str
    numeric: bool = True
    class_: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell that shows something else than it is sorted by.

    Attributes:
        shown: what it shows.
        value: what it is sorted by; None for what is not known, which comes last.
    """

    shown: Child
    value: float | str | None


def known(value: float | None, form: str) -> Cell:
    """A cell of a number that may be unknown, in a form of `format`."""
    if value is None or not math.isfinite(value):
        return Cell(shown=UNKNOWN, value=None)
    return Cell(shown=format(value, form), value=value)


def table(
    caption: Child,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    class_: str = "",
    filtered: str | None = None,
    row_ids: Sequence[str] | None = None,
    marked: Sequence[int] = (),
) -> Markup:
    """A table whose first column names the rows; a script makes its headers sort it.

    Args:
        caption: what it is.
        columns: its header.
        rows: of as many cells as there are columns; text is sorted by itself, or by the first number in it.
        class_: for the style sheet.
        filtered: what the rows are, where a script is to offer a field that filters them if they are many: "tensors".
        row_ids: ids of the rows.
        marked: places of rows that stand out.
    """
    head = element("tr", *(_header(one) for one in columns))
    body = [
        element(
            "tr",
            *(_cell(one, column, place == 0) for place, (one, column) in enumerate(zip(row, columns, strict=True))),
            id=row_ids[at] if row_ids else None,
            class_="marked" if at in marked else None,
        )
        for at, row in enumerate(rows)
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_=class_ or None,
        data_filter=filtered if len(rows) > FILTERED else None,
    )
    return element("div", whole, class_="wide tall" if len(rows) > TALL else "wide")


def of_sheet(sheet: Sheet | None, filtered: str | None = None) -> Markup:
    """A table of `sheets`; nothing where there is none."""
    if sheet is None:
        return joined(())
    header = sheet.header if any(sheet.header) else ("what", *("value" for _ in sheet.header[1:]))
    columns = [
        Column(title=title or ("what" if place == 0 else ""), numeric=sheet.numeric and place > 0)
        for place, title in enumerate(header)
    ]
    return table(sheet.title, columns, sheet.rows, filtered=filtered)


def _header(column: Column) -> Markup:
    class_ = f"{'number' if column.numeric else ''} {column.class_}".strip()
    if not column.title:
        return element("td", class_=class_ or None)
    return element(
        "th", column.title, scope="col", class_=class_ or None, data_kind="number" if column.numeric else "text"
    )


def _cell(cell: Cell | str, column: Column, first: bool) -> Markup:
    shown, value = (cell.shown, cell.value) if isinstance(cell, Cell) else (cell, _sorted_by(cell, column))
    class_ = f"{'number' if column.numeric else ''} {column.class_}".strip() or None
    by = None if value is None else value if isinstance(value, str) else repr(float(value))
    if first:
        return element("th", shown, scope="row", class_=class_, data_by=by)
    return element("td", shown, class_=class_, data_by=by)


def _sorted_by(cell: str, column: Column) -> float | None:
    """The first number in a text, where the column is of numbers; text needs nothing besides itself."""
    found = NUMBER.search(cell) if column.numeric else None
    return float(found[0].replace(",", "").replace("−", "-")) if found else None
