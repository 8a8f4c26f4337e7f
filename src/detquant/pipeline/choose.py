"""What should I run on this machine? One model, every runtime that is installed, in float and quantised.

All of them see the same images in turn in one process. A row is best when no other is at least as good in accuracy,
latency and size, and better in one of them (Pareto).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detquant.data import Dataset
from detquant.errors import DetquantError
from detquant.evaluation.agreement import agreement, same_guess
from detquant.evaluation.scorers import headline
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import Measured, Side, measurable, run_over
from detquant.pipeline.evidence import label
from detquant.pipeline.figures import skip_figures
from detquant.pipeline.job import Job, Progress
from detquant.recipes import Recipe, load_recipe
from detquant.targets import TARGETS, Runner, Target, load_target

AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A way to run the model.

    Attributes:
        target: where.
        precision: of its weights and activations.
        size_bytes: of its files.
        runner: the open model.
    """

    target: str
    precision: str
    size_bytes: int
    runner: Runner

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.target} {self.precision}"


def choose(
    detector: Detector,
    dataset: Dataset,
    *,
    recipe: str = "w8a8",
    calib: int = 128,
    threads: int = 1,
    limit: int | None = None,
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
        progress: called with (what, done, total).

    Returns:
        Plain values: "rows" with "target", "precision", the task's first measure (or "agreement" with the float model,
        per cent), "latency_ms", "size_bytes" and "best"; "notes" on what could not be run and why.
    """
    wish = load_recipe(recipe)
    dataset = measurable(detector.family, dataset, limit)
    notes: list[str] = []
    entries: list[Entry] = []
    for place in map(load_target, TARGETS):
        if place.variant_of:
            continue
        if missing := place.missing():
            notes.append(f"{place.name} is {missing}.")
            continue
        ways = [_float(detector, place, threads)]
        if place.emulates:
            notes.append(f"{place.name} has no row of {wish.name}: {place.emulates}.")
        else:
            ways.append(_quantized(detector, dataset, wish, place, calib, threads, progress))
        for made in ways:
            try:
                entries += made
            except DetquantError as error:
                notes.append(f"{place.name}: {error}")
    measured = run_over(
        detector.family, {entry.name: entry.runner for entry in entries}, dataset, limit=limit, progress=progress
    )
    measure, values = _values(detector.family.task, entries, measured)
    rows = [
        {
            "target": entry.target,
            "precision": entry.precision,
            measure: values[entry.name],
            "latency_ms": measured.sides[entry.name].inference_ms,
            "size_bytes": entry.size_bytes,
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
        "skipped": skip_figures(measured.skipped),
    }


def is_best(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], measure: str) -> bool:
    """Whether no other row is at least as good in everything and better in something."""

    def merits(one: Mapping[str, Any]) -> tuple[float, ...]:
        return one[measure], -one["latency_ms"], -one["size_bytes"]

    mine = merits(row)
    others = [merits(one) for one in rows]
    return not any(all(a >= b for a, b in zip(one, mine, strict=True)) and one != mine for one in others)


def _float(detector: Detector, place: Target, threads: int) -> Iterator[Entry]:
    """The model in float, in each way that the place knows."""
    for precision, artefact, runner in place.open_float(place.rewrite(detector.model), threads):
        yield Entry(target=place.name, precision=precision, size_bytes=artefact.size_bytes, runner=runner)


def _quantized(
    detector: Detector,
    dataset: Dataset,
    recipe: Recipe,
    place: Target,
    calib: int,
    threads: int,
    progress: Progress | None,
) -> Iterator[Entry]:
    """The model quantised for the place."""
    job = Job(detector=detector, dataset=dataset, recipe=recipe, target=place, calib=calib, progress=progress)
    qdq = job.run().model.qdq()
    label(qdq, detector, recipe.name, place.name)
    artefact = place.lower(qdq)
    runner = place.open(artefact, threads)
    yield Entry(target=place.name, precision=recipe.name, size_bytes=artefact.size_bytes, runner=runner)


def _values(task: str, entries: Sequence[Entry], measured: Measured) -> tuple[str, dict[str, float]]:
    """What the rows are compared by: the task's first measure, or agreement with the first float row."""
    sides = measured.sides
    known = {name: side.accuracy for name, side in sides.items() if side.accuracy}
    if len(known) == len(sides):
        measure = headline(task)
        return measure, {name: score.figures()[measure] for name, score in known.items()}
    reference = sides[entries[0].name]
    return AGREEMENT, {name: _agreement(task, reference, side) for name, side in sides.items()}


def _agreement(task: str, reference: Side, side: Side) -> float:
    if task == "classify":
        return same_guess(reference.confident, side.confident)
    return 100 * agreement(reference.confident, side.confident).f1
