"""What should I run on this machine? One model, every runtime that is installed, in float and quantised.

All of them see the same images in turn in one process. A row is best when no other is at least as good in accuracy,
latency and size, and better in one of them (Pareto).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from detquant.calibration import Note
from detquant.data import Dataset
from detquant.errors import DetquantError, TargetError
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.compare import compare
from detquant.pipeline.decisions import Decisions, decisions_about, read_decisions
from detquant.pipeline.detector import Detector
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.entries import Entry, float_entries, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.pipeline.wish import read_recipe
from detquant.progress import Progress
from detquant.recipes import Recipe, load_recipe
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.targets import TARGETS, Target, load_target

SMALL = "w8"
"""The recipe tried besides where weights alone in 8 bits cost no time."""

MEASURED = "'{}' has no decisions about {}: they were taken by the clock."


def choose(
    detector: Detector,
    dataset: Dataset,
    *,
    recipe: str = "w8a8",
    calib: int = 128,
    threads: int = 1,
    limit: int | None = None,
    decisions: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measures a model on every runtime that is installed.

    Args:
        detector: float.
        dataset: the data set, as for `quantize`.
        recipe: recipe of the quantised rows.
        calib: number of calibration images.
        threads: number of threads of each runtime.
        limit: the first so many validation images only.
        decisions: figures of an earlier run, whose measured decisions are taken again where they are about the same
            recipe and target; elsewhere they are measured, which is noted.
        force: whether to go on with a float model that finds nothing, or that is probably read wrongly.
        progress: called with (what, done, total).

    Returns:
        A row for each place and precision, `Row.best` told; notes on what could not be run, or was not as planned,
        and why.

    Raises:
        RecipeError: there is no such recipe, or none of the decisions can be taken.
        TargetError: no runtime here runs the model.
    """
    wish = read_recipe(recipe)
    given = _given(decisions, detector, wish) if decisions is not None else ()
    require_calibration(dataset, wish)
    warned = require_sound(detector, dataset, force=force, progress=progress)
    dataset = measurable(detector.family, dataset, limit)
    notes: list[str] = []
    entries: list[Entry] = []
    for place in map(load_target, TARGETS):
        if place.variant_of:
            continue
        if missing := place.missing():
            notes.append(f"{place.name} is {missing}.")
            continue
        try:
            entries += float_entries(detector, place, threads)
            if place.emulates:
                notes.append(f"{place.name} has no row of {wish.name}: {place.emulates}.")
                continue
            for one in wished(wish, place):
                job = Job(detector=detector, dataset=dataset, recipe=one, target=place, calib=calib, progress=progress)
                job = replace(job, decisions=next((known for known in given if known.is_about(job.about({}))), None))
                entries.append(quantized_entry(job, threads))
                notes += [] if job.decisions or not given else [MEASURED.format(decisions, entries[-1].name)]
        except DetquantError as error:
            notes.append(f"{place.name}: {error}")
    if not entries:
        raise TargetError(f"No runtime here runs the model. {' '.join(notes)}")
    found = compare(entries, detector.family, dataset, limit=limit, strict=False, progress=progress)
    report = found.report(detector, dataset, threads)
    return replace(
        report,
        recipe=wish.name,
        calibration_images=calib,
        rows=tuple(replace(row, best=is_best(row, report.rows, report.measure)) for row in report.rows),
        notes=(*(Note(step="target", sentence=one) for one in notes), *report.notes),
        warnings=(*warned, *report.warnings),
    )


def _given(source: str | os.PathLike[str], detector: Detector, wish: Recipe) -> tuple[Decisions, ...]:
    """The decisions in a file.

    Raises:
        RecipeError: it has none, or all are about something else.
    """
    given = read_decisions(source)
    places = [place for place in map(load_target, TARGETS) if not place.variant_of]
    jobs = [
        Decisions.about(detector.imported.sha256, one, place, {}) for place in places for one in wished(wish, place)
    ]
    if not any(one.is_about(job) for one in given for job in jobs):
        decisions_about(jobs[0], given, source)
    return given


def wished(wish: Recipe, place: Target) -> list[Recipe]:
    """The recipes tried at a place: the user's, and `SMALL` where it is of use."""
    besides = place.capability.weight_only and wish.name != SMALL
    return [wish, load_recipe(SMALL)] if besides else [wish]


def is_best(row: Row, rows: Sequence[Row], measure: str) -> bool:
    """Whether no other row is at least as good in everything and better in something."""

    def merits(one: Row) -> tuple[float, ...]:
        return one.value(measure) or 0.0, -(one.latency_ms or 0.0), -(one.size_bytes or 0)

    mine = merits(row)
    others = [merits(one) for one in rows]
    return not any(all(a >= b for a, b in zip(one, mine, strict=True)) and one != mine for one in others)
