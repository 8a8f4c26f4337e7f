"""Paragraphs, lists, legends and facts that the views are written in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detquant.report.html.markup import Child, Markup, element, joined
from detquant.report.sheets.numbers import plural as plural


def paragraph(*children: Child, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *children, class_=class_)


def lead(*children: Child) -> Markup:
    """The sentence that says what is to be seen in a view."""
    return paragraph(*children, class_="lead")


def missing(*children: Child) -> Markup:
    """Why a view has nothing to show, and what would give it something."""
    return paragraph(*children, class_="missing")


def bullets(sentences: Iterable[Child], class_: str | None = None) -> Markup:
    """A list; nothing where there is nothing in it."""
    items = [element("li", sentence) for sentence in sentences]
    return element("ul", *items, class_=class_) if items else joined(())


def folded(summary: Child, *children: Child, opened: bool = False, class_: str | None = None) -> Markup:
    """What is shown when it is asked for."""
    return element("details", element("summary", summary), *children, open=opened, class_=class_)


def facts(known: Iterable[tuple[str, Child]], class_: str = "facts") -> Markup:
    """Names with their values."""
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in known]
    return element("dl", *pairs, class_=class_)


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """What the marks of a chart stand for: (class of the mark, what it is)."""
    items = [element("li", element("span", class_=f"key {mark}", aria_hidden="true"), said) for mark, said in entries]
    return element("ul", *items, class_="legend")


def code(said: str) -> Markup:
    """A name or a command, letter by letter."""
    return element("code", said)
