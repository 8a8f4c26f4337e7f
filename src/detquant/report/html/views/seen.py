"""The same image as the float model and the quantised one see it, those first in which most has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from detquant.evaluation.changes import Box, Fate, SeenImage
from detquant.report.evidence import Evidence
from detquant.report.html.markup import Markup, element, joined, number
from detquant.report.html.overlays import FATES, boxes, legend_of_fates, picture
from detquant.report.html.scope import Scope
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import folded, lead, missing, paragraph, plural
from detquant.report.remarks import picture_remark
from detquant.report.report import Report

MOST = 24
"""Images that are shown."""
MOST_BOXES = 100
"""Boxes of a model that are shown in an image."""


def seen(report: Report, scope: Scope) -> Markup:
    """Pictures with the boxes of both models over them."""
    images = report.evidence.seen if report.evidence else ()
    classes = report.evidence.classes if report.evidence else ()
    others = [*_demo_picture(report, scope), *_predictions(report, scope)]
    left = (
        paragraph(
            f"{plural(scope.left_out, 'picture')} left out, for the page would be too large: see the run's folder.",
            class_="muted",
        )
        if scope.left_out
        else None
    )
    if not images:
        return joined((None if others else missing(_why_none(report)), *others, left))
    shown = images[:MOST]
    return joined(
        (
            lead(_sentence(images, report)),
            legend_of_fates(),
            element("div", *(_card(one, classes, scope, place) for place, one in enumerate(shown)), class_="cards"),
            left,
            *others,
        )
    )


def _why_none(report: Report) -> str:
    if report.evidence is not None and report.evidence.changed == 0:
        where = "the only image" if report.images == 1 else f"any of {report.images:,} images"
        return f"Nothing has changed in {where}: both models see the same there."
    return "No boxes of single images were kept in this run: runs of detquant quantize keep those that changed most."


def _sentence(images: Sequence[SeenImage], report: Report) -> str:
    counts = Counter(box.fate for one in images for box in chain(one.before, one.after))
    lost, new = counts[Fate.LOST], counts[Fate.NEW]
    moved, renamed = (
        sum(box.fate is fate for one in images for box in one.after) for fate in (Fate.MOVED, Fate.RENAMED)
    )
    known = report.evidence or Evidence()
    changed = (
        f"Something has changed in {known.changed:,} of {plural(report.images, 'image')}. " if known.changed else ""
    )
    at = known.shown_at
    sure = f" Boxes are those of at least {at[0]:g} for float and {at[1]:g} for quantised." if len(at) == 2 else ""
    return (
        f"{changed}In the {plural(len(images), 'image')} that changed most, the quantised model has lost "
        f"{plural(lost, 'box', 'boxes')} of the float model's; new are {new:,}, moved {moved:,}, of another class "
        f"{renamed:,}.{sure} Only what the two models see is compared, so no labels are needed."
    )


def _card(one: SeenImage, classes: Sequence[str], scope: Scope, place: int) -> Markup:
    """An image: both sides, which lie over each other where the script runs, and a table of the boxes."""
    uri = scope.pictures.get(one.file) if one.file is not None else None
    image_id = scope.id("image", place)
    truth = "" if one.objects is None else f"; {plural(one.objects, 'object')} known to be there"
    sides = (("before", "float", one.before), ("after", "quantised", one.after))
    panes = [
        element(
            "figure",
            element("figcaption", f"{name}: {plural(len(found), _thing(found), _thing(found, True))}"),
            picture(
                scope.id("pane", place, side),
                one,
                f"{one.image} as the {name} model sees it",
                "The boxes are in the table below the picture.",
                uri,
                image_id,
                first=side == "before",
                overlay=boxes(one, found[:MOST_BOXES], classes),
            ),
            class_=f"pane {side}",
        )
        for side, name, found in sides
    ]
    slider = element(
        "input",
        type="range",
        min=0,
        max=100,
        value=50,
        hidden=True,
        class_="divide",
        aria_label=f"Divide between float, left, and quantised, right: {one.image}",
    )
    return element(
        "article",
        scope.heading(one.image),
        paragraph(f"{_change(one)}{truth}.", class_="muted"),
        element("div", element("div", *panes, class_="panes"), slider, class_="compare"),
        None
        if uri
        else paragraph("The picture itself is not on the page: boxes are drawn on plain ground.", class_="muted"),
        folded(f"Boxes of {one.image}", _table(one, classes)),
        class_="card",
    )


def _thing(found: Sequence[Box], several: bool = False) -> str:
    if found and not found[0].xyxy:
        return "guesses" if several else "guess"
    return "boxes" if several else "box"


def _change(one: SeenImage) -> str:
    counts = Counter({Fate.LOST: sum(box.fate is Fate.LOST for box in one.before)})
    counts.update(box.fate for box in one.after if box.fate is not Fate.LOST)
    told = [
        f"{counts[fate]} {FATES[fate].word}"
        for fate in (Fate.LOST, Fate.NEW, Fate.MOVED, Fate.RENAMED, Fate.KEPT)
        if counts[fate]
    ]
    return f"{100 * one.change:.0f} % changed: {', '.join(told) or 'nothing is found by either'}"


def _table(one: SeenImage, classes: Sequence[str]) -> Markup:
    columns = [
        Column(title="by", numeric=False),
        Column(title="class", numeric=False),
        Column(title="confidence"),
        Column(title="what became of it", numeric=False),
        Column(title="box in pixels", numeric=False),
    ]
    rows: list[list[Cell | str]] = []
    for name, found in (("float", one.before), ("quantised", one.after)):
        rows += [
            [
                name,
                class_name(box, classes),
                known(box.confidence, ".2f"),
                FATES[box.fate].word,
                ", ".join(number(round(at) if abs(at) < 1e6 else 0) for at in box.xyxy) or "–",
            ]
            for box in found[:MOST_BOXES]
        ]
    there = len(one.before) + len(one.after)
    left = f" ({len(rows):,} of {there:,})" if there > len(rows) else ""
    return table(f"Boxes in {one.image}{left}", columns, rows)


def class_name(box: Box, classes: Sequence[str]) -> str:
    """Name of a box's class; its number where that has none."""
    return classes[box.class_id] if 0 <= box.class_id < len(classes) else f"class {box.class_id}"


def _demo_picture(report: Report, scope: Scope) -> Iterator[Markup]:
    """The picture that the demo draws of all its models."""
    drawn = report.picture
    if drawn is None or drawn.file not in scope.pictures or len(drawn.found) < 2:
        return
    told = picture_remark(drawn)
    yield element(
        "figure", element("img", src=scope.pictures[drawn.file], alt=told), element("figcaption", told), class_="whole"
    )


def _predictions(report: Report, scope: Scope) -> Iterator[Markup]:
    """The pictures that a workflow draws."""
    files = [name for name in report.predictions if name in scope.pictures]
    if not files:
        return
    figures = [
        element(
            "figure",
            element("img", src=scope.pictures[name], alt=f"{name}: what each precision finds, side by side"),
            element("figcaption", name),
            class_="whole",
        )
        for name in files
    ]
    yield from figures
