"""HTML and SVG as text in which everything that others wrote is escaped.

Text becomes markup in one place, `element`: a plain string that is given to it is escaped, a `Markup` is taken as it
is. Only this file makes a `Markup` of a string, so no name of a class, a tensor or a file is ever read as a tag.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import TypeAlias

from detquant.untrusted import printable

VOID = frozenset({"br", "col", "img", "input", "link", "meta"})
"""Elements of HTML that have no end tag."""
EMPTY = frozenset({"circle", "image", "line", "path", "polygon", "polyline", "rect", "stop", "use"})
"""Elements of SVG that are closed at once where nothing is in them."""


class Markup(str):
    """Text that is markup already; made by `element` and `joined`."""

    __slots__ = ()


Child: TypeAlias = "Markup | str | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | float | bool | None"


def element(tag: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element with its attributes and what is in it.

    Args:
        tag: name of the element.
        children: text, which is escaped; markup; several of them; None for nothing.
        attributes: by name, "-" written as "_", and "_" behind a name that is a word of Python (`class_`). False and
            None leave one out, True gives it without a value; numbers are written shortly.
    """
    told = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{told}>")
    inside = joined(children)
    if tag in EMPTY and not inside:
        return Markup(f"<{tag}{told}/>")
    return Markup(f"<{tag}{told}>{inside}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one behind the other; text among them is escaped."""
    return Markup("".join(map(_child, children)))


def script(code: str) -> Markup:
    """A script of detquant's own: its text is not escaped, so it must have no end tag in it.

    Raises:
        ValueError: it has one.
    """
    return _raw("script", code)


def style(sheet: str) -> Markup:
    """A style sheet of detquant's own, likewise.

    Raises:
        ValueError: it has an end tag.
    """
    return _raw("style", sheet)


def number(value: float) -> str:
    """A number as attributes of SVG take it: at most two digits behind the point; 0 for what is not finite.

    Files of reports are anyone's, and a number of 300 digits is no coordinate either: it is cut off at a million.
    """
    if not math.isfinite(value):
        return "0"
    told = f"{min(max(value, -1e6), 1e6):.2f}"
    short = told.rstrip("0").rstrip(".") if "." in told else told
    return "0" if short == "-0" else short


def _raw(tag: str, text: str) -> Markup:
    if f"</{tag}" in text.lower():
        raise ValueError(f"there is an end tag in a {tag}")
    return Markup(f"<{tag}>\n{text.strip()}\n</{tag}>")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(printable(child), quote=False)
    return "".join(map(_child, child))


def _attribute(name: str, value: Attribute) -> str:
    written = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {written}"
    text = value if isinstance(value, str) else number(value)
    return f' {written}="{html.escape(printable(text))}"'
