"""What should I run on this machine? One model, every runtime that is installed, in float and quantised.

All of them see the same images in turn in one process. A row is best when no other is at least as good in accuracy,
latency and size, and better in one of them (Pareto).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from detquant.calibration import Note
from detquant.data import Dataset
from detquant.errors import DetquantError, TargetError
from detquant.pipeline.calibration_images import as_dataset, require_calibration, require_labels
from detquant.pipeline.compare import Comparison, compare
from detquant.pipeline.decisions import Decisions, decisions_about, read_decisions
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.entries import Entry, float_entries, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.evidence_of import evidence_of
from detquant.pipeline.job import Job
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.options import ChooseOptions
from detquant.pipeline.outputs import PICTURE_FOLDER, REPORT, REPORT_PAGE
from detquant.pipeline.wish import FLOAT_ROWS, integer_recipe
from detquant.recipes import Recipe, load_recipe
from detquant.report.evidence import Evidence
from detquant.report.files import staged, to_json
from detquant.report.html import to_html
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.targets import TARGETS, Target, load_target

SMALL = "w8"
"""The recipe tried besides where weights alone in 8 bits cost no time."""

MEASURED = "'{}' has no decisions about {}: they were taken by the clock."


@Keywords(ChooseOptions)
def choose(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: ChooseOptions
) -> Report:
    """Measures a model on every runtime that is installed.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path, as for `quantize`.
        options: see `ChooseOptions`.

    Returns:
        A row for each place and precision, `Row.best` told; notes on what could not be run, or was not as planned,
        and why.

    Raises:
        RecipeError: there is no such recipe, or none of the decisions can be taken.
        TargetError: no runtime here runs the model, or there is no such target.
        OptionError: a number is out of its bounds.

    Examples:
        >>> import detquant
        >>> report = detquant.choose("yolov8-pico", "scenes", targets=["ort"], calib=4, val_limit=4)
        >>> [row.name for row in report.rows]
        ['ort fp32', 'ort fp16', 'ort w8a8']
        >>> any(row.best for row in report.rows)
        True
    """
    report, _ = choice(model, data, options)
    return replace(report, evidence=report.evidence.without_files() if report.evidence else None)


def choice(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: ChooseOptions
) -> tuple[Report, dict[str, bytes]]:
    """What `choose` finds, with the pictures that its page shows, by path within the folder of the results."""
    wish, places = integer_recipe(options.recipe, FLOAT_ROWS), _places(options.targets)
    detector = as_detector(model, options)
    given = _given(options.decisions, detector, wish, places) if options.decisions is not None else ()
    dataset = as_dataset(data, options.seed)
    require_calibration(dataset, wish)
    warned = require_sound(detector, dataset, force=options.force, progress=options.progress)
    dataset = measurable(detector.family, dataset, options.val_limit)
    require_labels(detector, dataset, wish)
    notes: list[str] = []
    entries: list[Entry] = []
    for place in places:
        if missing := place.missing():
            notes.append(f"{place.name} is {missing}.")
            continue
        try:
            entries += float_entries(detector, place, options.threads)
            if place.emulates:
                notes.append(f"{place.name} has no row of {wish.name}: {place.emulates}.")
                continue
            for one in wished(wish, place):
                job = Job(
                    detector=detector,
                    dataset=dataset,
                    recipe=one,
                    target=place,
                    calib=options.calib,
                    executor=options.executor,
                    progress=options.progress,
                )
                job = replace(job, decisions=next((known for known in given if known.is_about(job.about({}))), None))
                entries.append(quantized_entry(job, options.threads))
                notes += [] if job.decisions or not given else [MEASURED.format(options.decisions, entries[-1].name)]
        except DetquantError as error:
            notes.append(f"{place.name}: {error}")
    if not entries:
        raise TargetError(f"No runtime here runs the model. {' '.join(notes)}")
    found = compare(
        entries,
        detector.family,
        dataset,
        limit=options.val_limit,
        strict=False,
        confidence=options.confidence,
        keeps=options.keeps,
        progress=options.progress,
    )
    report = found.report(detector, dataset, options.threads)
    evidence, pictures = evidence_of_best(
        detector, dataset, found, report, call="detquant.choose", threads=options.threads
    )
    whole = replace(
        report,
        evidence=evidence,
        recipe=wish.name,
        seed=None if isinstance(data, Dataset) else options.seed,
        calibration_images=options.calib,
        rows=tuple(replace(row, best=is_best(row, report.rows, report.measure)) for row in report.rows),
        notes=(*(Note(step="target", sentence=one) for one in notes), *report.notes),
        warnings=(*warned, *report.warnings),
    )
    return whole, pictures


def save_choice(report: Report, pictures: Mapping[str, bytes], folder: str | os.PathLike[str]) -> None:
    """Writes ``report.json``, ``report.html`` and the pictures of what `choice` has found: all or none.

    Raises:
        OutputError: the folder cannot be written, or something that detquant did not write is in the way.
    """
    with staged(folder, alone={PICTURE_FOLDER}) as put:
        put(REPORT, to_json(report.figures()))
        put(REPORT_PAGE, to_html(report, pictures))
        for name, content in pictures.items():
            put(name, content)


def _places(names: str | Sequence[str]) -> list[Target]:
    """The places that are named; by default all, but those that are another form of one of them.

    Raises:
        TargetError: there is no such place.
    """
    if names:
        return [load_target(name) for name in ([names] if isinstance(names, str) else names)]
    return [place for place in map(load_target, TARGETS) if not place.variant_of]


def _given(
    source: str | os.PathLike[str], detector: Detector, wish: Recipe, places: Sequence[Target]
) -> tuple[Decisions, ...]:
    """The decisions in a file.

    Raises:
        RecipeError: it has none, or all are about something else.
    """
    given = read_decisions(source)
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


def most_to_see(rows: Sequence[Row], measure: str) -> str | None:
    """The quantised row that evidence is shown of: the fastest of those that are not beaten."""
    made = [row for row in rows if row.quantization and row.value(measure) is not None]
    best = [row for row in made if is_best(row, rows, measure)] or made
    return min(best, key=lambda row: (row.latency_ms is None, row.latency_ms or 0.0)).name if best else None


def evidence_of_best(
    detector: Detector,
    dataset: Dataset,
    found: Comparison,
    report: Report,
    folder: str = "",
    *,
    call: str,
    threads: int,
) -> tuple[Evidence | None, dict[str, bytes]]:
    """The evidence on the row that `most_to_see` names, and its pictures; nothing where there is none.

    Args:
        detector: the float model.
        dataset: the data set that they were measured on.
        found: the comparison.
        report: the report of it.
        folder: folder of the pictures within the run's folder, with a slash at its end.
        call: the function that was called, for where no command line was.
        threads: number of threads of the runtimes.
    """
    shown = most_to_see(report.rows, report.measure)
    if shown is None:
        return None, {}
    return evidence_of(detector, dataset, found, shown, folder, call=call, threads=threads)


def is_best(row: Row, rows: Sequence[Row], measure: str) -> bool:
    """Whether no other row is at least as good in everything and better in something."""

    def merits(one: Row) -> tuple[float, ...]:
        return one.value(measure) or 0.0, -(one.latency_ms or 0.0), -(one.size_bytes or 0)

    mine = merits(row)
    others = [merits(one) for one in rows]
    return not any(all(a >= b for a, b in zip(one, mine, strict=True)) and one != mine for one in others)
