"""What a view knows of the page that it stands on: ids of its own, how deep its headings are, and the pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from detquant.report.html.markup import Child, Markup, element


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The place of a report on a page.

    Attributes:
        prefix: beginning of all ids, of no other report on the page.
        level: of the headings of views: 2, or 3 where each report has a heading of its own.
        pictures: data URIs by path within the run's folder: those for which there is room.
        left_out: how many pictures there was no room for.
        histograms: tensors that may have a histogram.
    """

    prefix: str = "a"
    level: int = 2
    pictures: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0
    histograms: int = 400

    def id(self, *parts: str | int) -> str:
        """An id that no other report on the page has; parts are detquant's words and numbers, not names of others."""
        told = "-".join((self.prefix, *map(str, parts)))
        return re.sub(r"[^a-zA-Z0-9-]", "-", told)

    def heading(self, *children: Child, below: int = 1, id_: str | None = None) -> Markup:
        """A heading below that of the view.

        Args:
            children: its text.
            below: how far: 0 is the heading of the view itself.
            id_: its id.
        """
        return element(f"h{min(self.level + below, 6)}", *children, id=id_)
