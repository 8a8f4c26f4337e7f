"""What should I run on this machine? One model, every runtime that is installed, in float and quantised.

All of them see the same images in turn in one process. A row is best when no other is at least as good in accuracy,
latency and size, and better in one of them (Pareto).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from detquant.data import Dataset
from detquant.errors import DetquantError
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.decisions import KEY, Decisions, decisions_about, read_decisions
from detquant.pipeline.detector import Detector
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.entries import Entry, compared_by, float_entries, quantized_entry
from detquant.pipeline.evaluate import measurable, run_over
from detquant.pipeline.figures import skip_figures
from detquant.pipeline.job import Job, Progress
from detquant.pipeline.wish import read_recipe
from detquant.recipes import Recipe, load_recipe
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
) -> dict[str, Any]:
    """Measures a model on every runtime that is installed.

    Args:
        detector: float.
        dataset: as for `quantize`.
        recipe: of the quantised rows.
        calib: number of calibration images.
        threads: of each runtime.
        limit: the first so many validation images only.
        decisions: figures of an earlier run, whose measured decisions are taken again where they are about the same
            recipe and target; elsewhere they are measured, which is noted.
        force: whether to go on with a float model that finds nothing, or that is probably read wrongly.
        progress: called with (what, done, total).

    Returns:
        Plain values: "rows" with "target", "precision", the task's first measure (or "agreement" with the float model,
        per cent), "latency_ms", "size_bytes", "best" and, where it is quantised, "decisions"; "notes" on what could not
        be run and why.

    Raises:
        RecipeError: there is no such recipe, or none of the decisions can be taken.
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
    measured = run_over(
        detector.family, {entry.name: entry.runner for entry in entries}, dataset, limit=limit, progress=progress
    )
    measure, values = compared_by(detector.family.task, measured)
    rows = [
        {
            "target": entry.target,
            "precision": entry.precision,
            measure: values[entry.name],
            "latency_ms": measured.sides[entry.name].inference_ms,
            "size_bytes": entry.artefact.size_bytes,
            **({KEY: entry.decisions} if entry.decisions is not None else {}),
        }
        for entry in entries
    ]
    return {
        "model": detector.imported.path.name,
        "model_sha256": detector.imported.sha256,
        "family": detector.family.name,
        "data": dataset.name,
        "images": measured.images,
        "threads": threads,
        "recipe": wish.name,
        "measure": measure,
        "rows": [{**row, "best": is_best(row, rows, measure)} for row in rows],
        "notes": [*notes, *measured.notes],
        "warnings": [*warned, *measured.warnings],
        "skipped": skip_figures(measured.skipped),
    }


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


def is_best(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], measure: str) -> bool:
    """Whether no other row is at least as good in everything and better in something."""

    def merits(one: Mapping[str, Any]) -> tuple[float, ...]:
        return one[measure], -one["latency_ms"], -one["size_bytes"]

    mine = merits(row)
    others = [merits(one) for one in rows]
    return not any(all(a >= b for a, b in zip(one, mine, strict=True)) and one != mine for one in others)
