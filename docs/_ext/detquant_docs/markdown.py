"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(_cell(one) for one in line) + " |" for line in lines]


def code(words: Iterable[object]) -> str:
    """Words as code, with commas between them."""
    return ", ".join(f"`{word}`" for word in words)


def first_sentence(docstring: str | None) -> str:
    """How a docstring begins: its summary, on one line, in Markdown."""
    summary = " ".join((docstring or "").strip().partition("\n\n")[0].split())
    return re.sub(r"``([^`]+)``", r"`\1`", summary)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
