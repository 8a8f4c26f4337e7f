"""The views of a report, in the order of the page: each a function from the report to markup, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from detquant.report.html.markup import Markup
from detquant.report.html.scope import Scope
from detquant.report.html.views.graph import graph
from detquant.report.html.views.layers import layers
from detquant.report.html.views.pareto import pareto
from detquant.report.html.views.parts import parts
from detquant.report.html.views.provenance import provenance
from detquant.report.html.views.seen import seen
from detquant.report.html.views.slow import slow
from detquant.report.html.views.threshold import threshold
from detquant.report.html.views.verdict import verdict
from detquant.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view.

    Attributes:
        key: by which links name it.
        title: its heading.
        make: gives what is below the heading; a sentence where there is nothing to show.
    """

    key: str
    title: str
    make: Callable[[Report, Scope], Markup]


VIEWS = (
    View(key="verdict", title="Verdict", make=verdict),
    View(key="seen", title="What it sees", make=seen),
    View(key="threshold", title="The threshold", make=threshold),
    View(key="parts", title="By class and size", make=parts),
    View(key="layers", title="Where it is lost", make=layers),
    View(key="graph", title="The graph", make=graph),
    View(key="slow", title="Why float, why slow", make=slow),
    View(key="pareto", title="Accuracy, time, size", make=pareto),
    View(key="provenance", title="Provenance", make=provenance),
)
