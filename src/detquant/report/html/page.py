"""The page around the views: head, navigation, what it may load (nothing), style sheet and script."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from detquant._version import __version__
from detquant.report.html.markup import Markup, element, joined, script, style

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""All that the page may do: its own style and script, and pictures that it holds itself."""
GENERATOR = f"detquant {__version__}"
START = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="detquant '
"""By this beginning a page of detquant's is known."""
Links = Sequence[tuple[str, str, "Links"]]
"""Entries of the navigation: id, title, entries below it."""


def page(title: str, subtitle: str, links: Links, *content: Markup) -> str:
    """A whole page.

    Args:
        title: its heading.
        subtitle: a line below it.
        links: the navigation.
        content: what is on it.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=GENERATOR),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{title}: detquant"),
        style(_part("page.css")),
    )
    switch = element("button", "Dark", type="button", class_="theme", hidden=True, aria_pressed="false")
    header = element(
        "header",
        element("div", element("h1", title), element("p", subtitle, class_="muted"), class_="titles"),
        switch,
        class_="top",
    )
    body = element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        header,
        element("nav", _listed(links), aria_label="Views"),
        element("main", *content, id="report", tabindex=-1),
        element("footer", element("p", f"Written by {GENERATOR}. The page loads nothing and sends nothing.")),
        script(_part("page.js")),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _listed(links: Links) -> Markup:
    items = [
        element("li", element("a", title, href=f"#{target}"), _listed(below) if below else None)
        for target, title, below in links
    ]
    return element("ul", *items) if items else joined(())


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
