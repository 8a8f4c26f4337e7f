"""A table as text, made from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
Row = tuple[str, ...]
MEASURES = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "top1": "top-1", "top5": "top-5"}
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text.

    Attributes:
        title: title of the table.
        header: header of the columns; the first one is aligned left.
        rows: rows of the same length as the header.
        numeric: whether the other columns hold numbers.
    """

    title: str
    header: Row
    rows: Sequence[Row]
    numeric: bool = True
