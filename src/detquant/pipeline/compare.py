"""The one comparison: entries measured on the same images in one process, held to their plans, and finished.

`quantize`, `choose`, `workflow`, `demo` and the benchmarks all go through here. So none of them gives out an artefact
that does not compute what was planned, all let a vendor's compiler do its part, and all tell the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from detquant._version import __version__
from detquant.calibration import Note
from detquant.data import Dataset, iter_images
from detquant.errors import TargetError
from detquant.evaluation.agreement import agreed
from detquant.evaluation.thresholds import Keeps, Thresholds
from detquant.families import CONFIDENCE, THRESHOLD, Family
from detquant.families.reading import reading_text
from detquant.numerics.arrays import Array
from detquant.pipeline.as_planned import require_as_planned
from detquant.pipeline.detector import Detector
from detquant.pipeline.entries import Entry
from detquant.pipeline.evaluate import Measured, Side, measurable, run_over
from detquant.pipeline.judge import Judge
from detquant.progress import Progress
from detquant.report.report import RUNTIME, Report
from detquant.report.row import File, Row
from detquant.targets import Artefact
from detquant.targets.latency import compare_latency

NO_TRUTH = {
    "detect": "The data has no annotations, so there is no AP: agreement with the float model's detections is given.",
    "classify": "The data has no labels, so there is no top-1: agreement with the float model's guesses is given.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An entry that stands, with what its vendor's compiler has added.

    Attributes:
        entry: the entry that was measured.
        artefact: the artefact made for it, finished; None where the user's own file ran, or nothing could.
        told: by the compiler, a sentence each.
        thresholds: the threshold of a quantised detector, which its files say where their format can; None of others.
    """

    entry: Entry
    artefact: Artefact | None
    told: tuple[str, ...] = ()
    thresholds: Thresholds | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the entry: contents by path within the run's folder."""
        made = self.artefact.files if self.artefact else {}
        return {self.entry.folder + name: content for name, content in made.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of entries on the same images.

    Attributes:
        finished: the entries, in their order; those that were refused are left out.
        rows: the figures of each of them.
        measured: sides by the names of all that ran.
        refused: why entries were left out, a sentence each, by name.
        judge: holds what detectors found to the objects; None of classifiers.
    """

    finished: tuple[Finished, ...]
    rows: tuple[Row, ...]
    measured: Measured
    refused: Mapping[str, str]
    judge: Judge | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """All files to be written: contents by path within the run's folder."""
        return {name: content for one in self.finished for name, content in one.files.items()}

    def thresholds(self, name: str) -> Thresholds | None:
        """The threshold of a quantised detector, by the name of its row; None of others."""
        return next((one.thresholds for one in self.finished if one.entry.name == name), None)

    def artefact(self, name: str) -> Artefact:
        """The artefact that was made and finished, by the name of the row.

        Raises:
            KeyError: there is no such row, or nothing was made for it.
        """
        return {one.entry.name: one.artefact for one in self.finished if one.artefact}[name]

    def report(self, detector: Detector, dataset: Dataset, threads: int) -> Report:
        """The report of the comparison, for a command to add to by `dataclasses.replace`.

        Args:
            detector: the float model.
            dataset: the data set that it was measured on.
            threads: number of threads of the runtimes.
        """
        task, truth = detector.family.task, any(row.accuracy for row in self.rows)
        data = (*self.measured.notes, *(() if truth else (NO_TRUTH[task],)))
        said = (("as planned", (f"{name}: {why}" for name, why in self.refused.items())), ("data", data))
        skipped = chain(self.measured.skipped, *(one.entry.skipped for one in self.finished))
        return Report(
            model=detector.imported.path.name,
            model_sha256=detector.imported.sha256,
            family=detector.family.name,
            family_reason=detector.reason,
            reading=reading_text(detector.family.reading),
            task=task,
            data=dataset.name,
            images=self.measured.images,
            threads=threads,
            rows=self.rows,
            notes=tuple(Note(step=step, sentence=one) for step, sentences in said for one in sentences),
            warnings=self.measured.warnings,
            skipped=tuple({skip.path: skip for skip in skipped}.values()),
            versions={"detquant": __version__},
        )


def compare(
    entries: Sequence[Entry],
    family: Family,
    dataset: Dataset,
    *,
    limit: int | None = None,
    runs: int | None = None,
    strict: bool = True,
    confidence: float = CONFIDENCE,
    keeps: Keeps = "recall",
    progress: Progress | None = None,
) -> Comparison:
    """Shows the same images to all entries in turn, refuses those that miss their plan, and finishes the others.

    What is quantised is given the threshold at which it sees what the float model sees at its own.

    Args:
        entries: the first that runs is what the others are compared with: a float one.
        family: family of all of them.
        dataset: the data set whose validation images are used.
        limit: the first so many only.
        runs: how often each is timed apart from the measurement of accuracy; None: while that goes on.
        strict: whether an entry that misses its plan ends it all; else it is left out, and a note says why.
        confidence: threshold of the float model.
        keeps: what the quantised models' thresholds keep of what it sees there.
        progress: called with (what, done, total).

    Raises:
        DatasetError: no image can be read, none has a labelled object, or the classes are not the model's.
        TargetError: none of the entries runs; or one does not compute what was planned, and ``strict``.
    """
    runners = {one.name: one.runner for one in entries if one.runner is not None}
    if not runners:
        failures = "; ".join(f"{one.name}: {one.failure}" for one in entries)
        raise TargetError(f"There is no model to measure. {failures}".strip())
    dataset, reference = measurable(family, dataset, limit), next(iter(runners))
    measured = run_over(family, runners, dataset, limit=limit, progress=progress, finite=(reference,))
    judge = Judge.of(measured, dataset, reference, confidence, keeps) if family.task == "detect" else None
    refused: dict[str, str] = {}
    for entry in entries:
        try:
            _require_as_planned(entry, reference, measured, family, dataset, limit, progress)
        except TargetError as error:
            if strict:
                raise
            refused[entry.name] = str(error)
    image = _shown(family, dataset, limit, next(iter(measured.sides.values())))
    finished = tuple(_finished(one, family, image, judge) for one in entries if one.name not in refused)
    latency = {name: side.inference_ms for name, side in measured.sides.items()}
    if runs is not None:
        latency = {name: one.median_ms for name, one in compare_latency(runners, image, runs).items()}
    return Comparison(
        finished=finished,
        rows=tuple(_rows(finished, family.task, measured, latency)),
        measured=measured,
        refused=refused,
        judge=judge,
    )


def _require_as_planned(
    entry: Entry,
    reference: str,
    measured: Measured,
    family: Family,
    dataset: Dataset,
    limit: int | None,
    progress: Progress | None,
) -> None:
    if entry.qdq is None:
        return
    sides = {"before": measured.sides[reference], "after": measured.sides[entry.name]}
    require_as_planned(family, dataset, entry.qdq, entry.place, **sides, limit=limit, progress=progress)


def _shown(family: Family, dataset: Dataset, limit: int | None, side: Side) -> dict[str, Array]:
    """The first image in which a model found something, as the model takes it; the first of all where there is none."""
    places = (place for place, found in enumerate(side.confident) if len(found))
    _, pixels = next(islice(iter_images(dataset.validation[:limit], []), next(places, 0), None))
    return family.feeds(family.preprocess(pixels)[0])


def _finished(entry: Entry, family: Family, image: Mapping[str, Array], judge: Judge | None) -> Finished:
    if entry.artefact is None:
        return Finished(entry=entry, artefact=None)
    found = judge.thresholds(entry.name) if judge and entry.quantization and entry.runner else None
    written = entry.artefact
    if found is not None and found.proposed is not None:
        written = entry.place.with_metadata(written, {THRESHOLD: repr(found.proposed)})
        entry = replace(entry, artefact=written, size_bytes=written.size_bytes)
    artefact, told = entry.place.finish(written, family, image)
    return Finished(entry=entry, artefact=artefact, told=told, thresholds=found)


def _rows(finished: Sequence[Finished], task: str, measured: Measured, latency: Mapping[str, float]) -> Iterator[Row]:
    """The figures of each entry; of one that failed, why."""
    reference = next(iter(latency))
    before = measured.sides[reference]
    for one in finished:
        entry, side = one.entry, measured.sides.get(one.entry.name)
        row = Row(
            name=entry.name,
            title=entry.title,
            target=entry.place.name,
            precision=entry.precision,
            quantization=entry.quantization,
            notes=(*entry.notes, *(Note(step=RUNTIME, sentence=sentence) for sentence in one.told)),
            failure=entry.failure,
        )
        if side is None:
            yield row
            continue
        yield replace(
            row,
            accuracy=side.accuracy.figures() if side.accuracy else None,
            agreement=None if side.accuracy else agreed(task, before.confident, side.confident),
            latency_ms=latency[entry.name],
            ratio=latency[entry.name] / latency[reference],
            size_bytes=entry.size_bytes,
            zipped_bytes=entry.artefact.zipped_bytes() if entry.artefact else None,
            digest=entry.artefact.digest() if entry.artefact else None,
            files=tuple(File.of(name, content) for name, content in one.files.items()),
        )
