"""A page of one report, and one of several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.page import Links, page
from detquant.report.html.pictures import ROOM, data_uris
from detquant.report.html.scope import Scope
from detquant.report.html.views import VIEWS
from detquant.report.html.views.together import together
from detquant.report.html.words import paragraph, plural
from detquant.report.report import Report
from detquant.report.sheets import threads
from detquant.report.shortening import STEPS, shorter

LIMIT = 2_900_000
"""Characters that a page is to stay below: pictures give way to the rest of it."""
LONGEST = 300
"""Characters of a heading."""
SPARE = 2_000
"""Characters that are kept for the sentence on pictures that were left out."""
HISTOGRAMS = 400
"""Tensors of a page that have a histogram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A report on a page.

    Attributes:
        title: what it is called beside others.
        report: what was found.
        pictures: contents of its pictures by path within the run's folder.
    """

    title: str
    report: Report
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def to_html(report: Report, pictures: Mapping[str, bytes]) -> str:
    """The page of a report.

    Args:
        report: a report of any command.
        pictures: contents of its pictures by path within the run's folder, see `wanted`; those that are there are shown
            as far as there is room.

    Returns:
        HTML of one file, the same for the same report, under 3 MB.
    """
    return runs_to_html([Run(title=report.model, report=report, pictures=pictures)], report.model)


def runs_to_html(runs: Sequence[Run], title: str) -> str:
    """The page of several reports, compared first and then one after the other.

    Where they hold more than a page can show, pictures are left out first, then entries of long lists, which the page
    says.

    Args:
        runs: at least one.
        title: heading of the page.
    """
    made = _with_pictures(runs, title)
    for step in range(1, len(STEPS)):
        if len(made.encode()) <= LIMIT:
            break
        runs = [replace(run, report=shorter(run.report, step)) for run in runs]
        made = _with_pictures(runs, title)
    return made


def _with_pictures(runs: Sequence[Run], title: str) -> str:
    """The page, with as many pictures as there is room for."""
    scopes = list(_scopes(runs, ROOM))
    made = _page(scopes, title)
    held = sum(len(uri) for _, scope in scopes for uri in scope.pictures.values())
    over = len(made.encode()) - LIMIT
    return made if over <= 0 or not held else _page(list(_scopes(runs, max(0, held - over - SPARE))), title)


def wanted(report: Report) -> list[str]:
    """Paths of the pictures that the page of a report shows, the most important first."""
    seen = report.evidence.seen if report.evidence else ()
    named = (*(one.file for one in seen), report.picture.file if report.picture else None, *report.predictions)
    return list(dict.fromkeys(name for name in named if name is not None))


def _scopes(runs: Sequence[Run], room: int) -> Iterator[tuple[Run, Scope]]:
    """What the views of each report know of the page; all reports have the same share of the room."""
    for place, run in enumerate(runs):
        uris, left = data_uris(run.pictures, wanted(run.report), room // len(runs))
        yield (
            run,
            Scope(
                prefix=f"r{place + 1}",
                level=2 if len(runs) == 1 else 3,
                pictures=uris,
                left_out=left,
                histograms=max(20, HISTOGRAMS // len(runs)),
            ),
        )


def _page(runs: Sequence[tuple[Run, Scope]], title: str) -> str:
    title = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
    if len(runs) == 1:
        [(run, scope)] = runs
        return page(title, _subtitle(run.report), _links(scope), *_views(run.report, scope))
    links: Links = [("together", "Side by side", ()), *((scope.id(), run.title, _links(scope)) for run, scope in runs)]
    articles = [
        element(
            "article",
            element("h2", run.title, id=scope.id("heading")),
            paragraph(_subtitle(run.report), class_="muted"),
            *_views(run.report, scope),
            id=scope.id(),
            class_="run",
            aria_labelledby=scope.id("heading"),
        )
        for run, scope in runs
    ]
    named = [(run.title, scope.id(), run.report) for run, scope in runs]
    return page(title, f"{len(runs)} runs side by side", links, together(named), *articles)


def _links(scope: Scope) -> Links:
    return [(scope.id(view.key), view.title, ()) for view in VIEWS]


def _views(report: Report, scope: Scope) -> Iterator[Markup]:
    for view in VIEWS:
        heading = scope.id(view.key, "heading")
        yield element(
            "section",
            scope.heading(view.title, below=0, id_=heading),
            joined([view.make(report, scope)]),
            id=scope.id(view.key),
            class_=f"view {view.key}",
            aria_labelledby=heading,
        )


def _subtitle(report: Report) -> str:
    where = f" on {report.target}" if report.target else ""
    how = f"{report.recipe}{where}, " if report.recipe else f"{where.strip()}, " if where else ""
    return f"{how}{plural(report.images, 'image')} of {report.data}, {threads(report.threads)}, family {report.family}"
