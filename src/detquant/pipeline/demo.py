"""Why detquant exists, in one run: the embedded detector in float, quantised naively, and quantised by detquant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from detquant.calibration import Note
from detquant.data import Dataset, open_scenes, read_image
from detquant.embedded import embedded_model
from detquant.evaluation.agreement import Agreement
from detquant.evaluation.most_degraded_image import known_objects, most_degraded_image, score
from detquant.pipeline.compare import Comparison, Finished, compare
from detquant.pipeline.decode_file import decode_file
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.entries import FLOAT, Entry, own_file, quantized_entry
from detquant.pipeline.evaluate import Measured, measurable
from detquant.pipeline.evidence_of import evidence_of
from detquant.pipeline.job import Job
from detquant.pipeline.naive import NAIVE, naive_entry
from detquant.pipeline.outputs import (
    FLOAT_FILE,
    PICTURE,
    PICTURE_FOLDER,
    REPORT,
    REPORT_PAGE,
    REPORT_TEXT,
    recipes_of_demo,
)
from detquant.progress import Progress
from detquant.recipes import load_recipe
from detquant.report.files import staged, to_json
from detquant.report.html import to_html
from detquant.report.markdown import demo_to_markdown
from detquant.report.pictures import encode
from detquant.report.remarks import THRESHOLD_STEP, scores_remark, slower_than_float
from detquant.report.report import Picture, Report
from detquant.report.row import Row
from detquant.report.sheets import integer_share
from detquant.report.sheets.numbers import plural
from detquant.report.side_by_side import Panel, side_by_side
from detquant.targets import Artefact, Target, load_target

MODEL = "yolov8-pico"
CALIBRATION = 500
"""Scenes among which the seed chooses, as it does for `detquant quantize --data scenes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The files and the report of a demo.

    Attributes:
        files: contents by path within the run's folder: the models, and the picture.
        report: what was measured and decided.
    """

    files: Mapping[str, bytes]
    report: Report

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the files, ``report.json``, ``report.md`` and ``report.html``: all of them or none.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, alone={PICTURE_FOLDER}) as put:
            for name, content in self.files.items():
                put(name, content)
            put(REPORT, to_json(self.report.figures()))
            put(REPORT_TEXT, demo_to_markdown(self.report))
            put(REPORT_PAGE, to_html(self.report, self.files))


def demo(
    *,
    images: int = 300,
    calib: int = 128,
    threads: int = 1,
    seed: int = 0,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Demo:
    """Quantises the embedded detector naively and by detquant, and measures all of them on the embedded scenes.

    Args:
        images: validation scenes.
        calib: calibration images.
        threads: number of threads of the runtime in the measurement.
        seed: chooses the calibration images.
        work: folder in which statistics and measured decisions are kept: a recipe may leave in float what the clock
            says is faster so, and another run in the folder gives the same files; an interrupted one goes on.
        progress: called with (what, done, total).

    Raises:
        DatasetError: no image was asked for.
        OutputError: the folder cannot be written.
    """
    detector = load(embedded_model(MODEL))
    dataset = open_scenes(seed, calibration=max(calib, CALIBRATION), validation=images)
    measurable(detector.family, dataset)
    entries = made(detector, dataset, calib=calib, threads=threads, work=work, progress=progress)
    found = compare(entries, detector.family, dataset, progress=progress)
    basis = found.report(detector, dataset, threads)
    shown = [basis.row(name) for name in (FLOAT, NAIVE, recipes_of_demo()[0])]
    picture, scene = draw(detector, dataset, shown, found.measured)
    ours = [row for row in basis.rows if row.quantization]
    evidence, pictures = evidence_of(
        detector, dataset, found, recipes_of_demo()[0], call="detquant demo", threads=threads
    )
    beside = {name: content for one in found.finished for name, content in _decoding(detector, one).items()}
    report = replace(
        basis,
        model=MODEL,
        seed=seed,
        calibration_images=calib,
        notes=(*said_of_each(basis.rows), *said_of_scores(found)),
        warnings=(*basis.warnings, *(f"{row.name}: {one}" for row in ours for one in slower_than_float(row, threads))),
        picture=scene,
        evidence=evidence,
        versions={**basis.versions, "onnxruntime": onnxruntime.__version__},
    )
    return Demo(files={**found.files, **beside, PICTURE: encode(picture, PICTURE), **pictures}, report=report)


def _decoding(detector: Detector, one: Finished) -> dict[str, bytes]:
    """What is beside the files of those that detquant has quantised."""
    return decode_file(detector, one) if one.entry.quantization else {}


def made(
    detector: Detector, dataset: Dataset, *, calib: int, threads: int, work: Path | None, progress: Progress | None
) -> list[Entry]:
    """The float model, what onnxruntime's defaults make of it, and what detquant does by each of its recipes."""
    place = load_target("ort")
    entries = [
        as_it_ships(detector, place, threads),
        naive_entry(detector, dataset, calib=calib, place=place, threads=threads, progress=progress),
    ]
    for name in recipes_of_demo():
        job = Job(
            detector=detector,
            dataset=dataset,
            recipe=load_recipe(name),
            target=place,
            calib=calib,
            work=work / name if work else None,
            progress=progress,
        )
        entries.append(by_recipe(job, threads))
    return entries


def as_it_ships(detector: Detector, place: Target, threads: int) -> Entry:
    """The float model, whose file the demo writes beside the others."""
    content = detector.imported.path.read_bytes()
    return replace(own_file(detector, place, threads), artefact=Artefact({FLOAT_FILE: content}))


def by_recipe(job: Job, threads: int) -> Entry:
    """The entry that detquant makes, as `detquant.quantize` does it."""
    name = job.recipe.name
    entry = quantized_entry(job, threads)
    return replace(entry, name=name, title=f"detquant {name}", folder=f"{name}/")


def said_of_each(rows: Iterable[Row]) -> Iterator[Note]:
    """Notes on each model, with its title."""
    for row in rows:
        if row.quantization and row.quantization.share:
            yield Note(step="plan", sentence=f"{row.title}: {integer_share(row.quantization.share)}.")
        for note in row.notes:
            yield replace(note, sentence=f"{row.title}: {note.sentence}")


def said_of_scores(found: Comparison) -> Iterator[Note]:
    """What the naive model and the others do at the float model's threshold."""
    if found.judge is None:
        return
    for one in found.finished:
        if one.entry.quantization or (one.entry.name == NAIVE and one.entry.runner is not None):
            sentence = scores_remark(found.judge.thresholds(one.entry.name))
            yield Note(step=THRESHOLD_STEP, sentence=f"{one.entry.title}: {sentence}")


def draw(
    detector: Detector, dataset: Dataset, rows: Sequence[Row], measured: Measured
) -> tuple[npt.NDArray[np.uint8], Picture]:
    """The picture: the scene that shows best what is lost, as each of the models sees it.

    Args:
        detector: knows the classes.
        dataset: with known objects, of which every image was measured.
        rows: the models from left to right: float, then the one to compare it with; those that failed are left out.
        measured: what they found.

    Returns:
        uint8 [height, width, 3], BGR, and what there is to be seen.
    """
    truth, sides = known_objects(dataset.ground_truth or {}), measured.sides
    shown = [row for row in rows if row.name in sides]
    place = most_degraded_image(truth, *(sides[row.name].confident for row in shown[:2]))
    found = {row.name: score(truth[place], sides[row.name].confident[place]) for row in shown}
    panels = [
        Panel(
            title=row.title,
            caption=f"AP {row.value('ap') or 0.0:.1f}; here {_tally(found[row.name])}",
            detections=sides[row.name].confident[place],
        )
        for row in shown
    ]
    picture = Picture(
        file=PICTURE,
        image=dataset.validation[place].as_posix(),
        objects=len(truth[place]),
        found={name: one.matches for name, one in found.items()},
        wrong={name: one.candidate_boxes - one.matches for name, one in found.items()},
    )
    return side_by_side(read_image(dataset.validation[place]), panels, detector.family.classes), picture


def _tally(one: Agreement) -> str:
    return f"{one.matches} of {plural(one.reference_boxes, 'object')}, {one.candidate_boxes - one.matches} wrong"
