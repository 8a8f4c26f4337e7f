"""A page as a strict reader sees it: every element closed where it must be, ids, links, texts and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"br", "col", "img", "input", "link", "meta"}
REFERRING = ("for", "aria-labelledby", "aria-describedby")
NUMERIC = {"x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "points", "d", "viewbox", "font-size"}
NUMBER = re.compile(r"[-\d.,\sMVHhvlqzZ]*")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: list[str] = field(default_factory=list)
    inside: list[Element] = field(default_factory=list)

    def all(self, tag: str, class_: str = "") -> list[Element]:
        """The elements within it of this name, and of this class."""
        here = [
            one for one in self.inside if one.tag == tag and class_ in (one.attributes.get("class") or "").split(" ")
        ]
        mine = [one for one in self.inside if one.tag == tag] if not class_ else here
        return [*mine, *(found for one in self.inside for found in one.all(tag, class_))]

    def said(self) -> str:
        return "".join(self.text) + "".join(one.said() for one in self.inside)


class PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open: list[Element] = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of {tag} is there twice"
        one = Element(tag, dict(attrs))
        self.open[-1].inside.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends {self.open[-1].tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text.append(data)


def read(page: str) -> Element:
    """The page, after all that every page must keep to was looked at."""
    assert page.startswith("<!doctype html>\n<html lang=")
    reader = PageReader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root], "something is not closed"
    whole = _all(reader.root)
    ids = [one.attributes["id"] for one in whole if "id" in one.attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    for one in whole:
        _look_at(one, set(ids))
    levels = [int(one.tag[1]) for one in whole if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), "a heading is left out"
    return reader.root


def _all(one: Element) -> list[Element]:
    return [found for inner in one.inside for found in (inner, *_all(inner))]


def _look_at(one: Element, ids: set[str | None]) -> None:
    for name, value in one.attributes.items():
        assert not name.startswith("on"), f"{one.tag} has a handler"
        if name in REFERRING:
            assert set((value or "").split()) <= ids, f"{name} names what is not there"
        if name in ("href", "src"):
            assert (value or "").startswith(("#", "data:image/", "https://")), value
            assert not (value or "").startswith("https://") or one.tag == "a"
            assert not (value or "").startswith("#") or (value or "")[1:] in ids, value
        if name in NUMERIC and one.tag not in ("meta", "input"):
            assert NUMBER.fullmatch(value or ""), (one.tag, name, value)
    if one.tag == "svg":
        hidden = one.attributes.get("aria-hidden") == "true"
        assert hidden or (one.attributes.get("role") == "img" and one.all("title")[0].said())
    if one.tag == "table":
        assert one.all("caption")[0].said()
        [head], rows = one.all("thead")[0].all("tr"), one.all("tbody")[0].all("tr")
        assert all(len(row.inside) == len(head.inside) for row in rows)
