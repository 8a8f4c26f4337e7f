"""Markdown tables: columns of words at the left, of numbers at the right."""

from __future__ import annotations

from collections.abc import Sequence

SAID = 160
"""Characters of why a row could not be had."""


def line(cells: Sequence[str]) -> str:
    """One row; what would end a cell does not."""
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def refusal(first: Sequence[str], why: str, columns: int) -> tuple[str, ...]:
    """The cells of a row that could not be had: what it is, why, and nothing."""
    return (*first, " ".join(why.split())[:SAID], *[""] * (columns - len(first) - 1))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> str:
    """The table.

    Args:
        header: names of the columns.
        rows: cells of each row.
        texts: number of columns before those of numbers.
    """
    rule = [*["---"] * texts, *["---:"] * (len(header) - texts)]
    return "\n".join(map(line, (header, rule, *rows)))
