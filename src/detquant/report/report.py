"""What a command found: typed, and made into tables, Markdown and JSON by the files beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from detquant.calibration import Note
from detquant.data import Skip
from detquant.evaluation.scorers import MEASURES, headline
from detquant.report.evidence import Evidence
from detquant.report.row import AGREEMENT, Row
from detquant.report.widths import Tried, Widths

TITLES = {"ap": "AP", "top1": "top-1"}
RUNTIME, GUARD = "runtime", "guard"
"""Steps whose notes stand apart in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image as several models see it, and what they find in it.

    Attributes:
        file: path within the run's folder.
        image: name of the image that is shown.
        objects: how many there are to be found.
        found: how many each model finds, by the name of the row.
        wrong: boxes that are no object, likewise.
    """

    file: str
    image: str
    objects: int
    found: Mapping[str, int]
    wrong: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Several forms of one model, measured beside each other on the same images.

    Attributes:
        model: name of the float model's file.
        model_sha256: SHA-256 of that file.
        family: family of the model.
        family_reason: why it is taken to be of that family.
        reading: how it is fed and read, in words that `--reads` takes.
        task: "detect" or "classify".
        data: name of the data set.
        images: how many were measured.
        threads: number of threads of the runtimes.
        rows: the models, at least one; the first is what the others are compared with.
        about: name of the row that the report is about; None where several are of one rank.
        target: the place that it is about; None where there are several.
        recipe: recipe of the quantised models, where all follow one.
        seed: seed that chose the calibration images; None where the data set was opened by others.
        calibration_images: how many were asked for.
        notes: what there is to say besides what is said of each row.
        warnings: what the figures may be wrong for, and what went less well than it should, a sentence each.
        skipped: images that were left out.
        picture: picture of the models at work.
        predictions: paths of other pictures within the run's folder.
        widths: the widths that a search has chosen for it; None where none has.
        tried: the models that a search has measured on the way.
        versions: versions of what made it, by distribution.
        evidence: what is shown besides the figures, of the row that the report is about; None where nothing was kept.

    Examples:
        >>> import detquant
        >>> report = detquant.quantize("yolov8-pico", "scenes", recipe="dynamic", val_limit=2).report
        >>> before, after = report.reference, report.subject
        >>> before.name, after.title, after.size_bytes < before.size_bytes
        ('float', 'dynamic', True)
        >>> report.measure, report.drop == before.value("ap") - after.value("ap")
        ('ap', True)
        >>> report.figures()["images"]
        2
    """

    model: str
    model_sha256: str
    family: str
    family_reason: str
    reading: str
    task: str
    data: str
    images: int
    threads: int
    rows: tuple[Row, ...]
    about: str | None = None
    target: str | None = None
    recipe: str | None = None
    seed: int | None = None
    calibration_images: int | None = None
    notes: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[Skip, ...] = ()
    picture: Picture | None = None
    predictions: tuple[str, ...] = ()
    widths: Widths | None = None
    tried: tuple[Tried, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: Evidence | None = None

    @property
    def reference(self) -> Row:
        """The row that the others are compared with."""
        return self.rows[0]

    @property
    def subject(self) -> Row | None:
        """The row that the report is about."""
        return next((row for row in self.rows if row.name == self.about), None)

    @property
    def measure(self) -> str:
        """Name of the measure to compare by: the task's first, or `AGREEMENT` where nothing is known of the images."""
        return headline(self.task) if self.reference.accuracy else AGREEMENT

    @property
    def measure_title(self) -> str:
        """The measure to compare by, as people write it."""
        return TITLES.get(self.measure, self.measure)

    @property
    def drop(self) -> float | None:
        """Points of the measure that the report's row has lost; None where there is no truth to know."""
        if self.subject is None or self.measure == AGREEMENT:
            return None
        before, after = (row.value(self.measure) for row in (self.reference, self.subject))
        return None if before is None or after is None else before - after

    def row(self, name: str) -> Row:
        """The row of this name.

        Raises:
            KeyError: there is none.
        """
        return {row.name: row for row in self.rows}[name]

    def figures(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        subject = self.subject
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "family": self.family,
            "family_reason": self.family_reason,
            "reading": self.reading,
            "task": self.task,
            "data": self.data,
            "target": self.target,
            "recipe": self.recipe,
            "images": self.images,
            "threads": self.threads,
            "seed": self.seed,
            "calibration_images": self.calibration_images,
            "measure": self.measure,
            "about": self.about,
            "rows": [self._row_figures(row) for row in self.rows],
            **(self._about(subject) if subject else {}),
            "notes": sentences((*(other_notes(subject) if subject else ()), *self.notes)),
            "noted": [note.figures() for note in self.notes],
            "warnings": list(self.warnings),
            "skipped": skip_figures(self.skipped),
            "picture": asdict(self.picture) if self.picture else None,
            "predictions": list(self.predictions),
            "widths": self.widths.figures() if self.widths else None,
            "tried": [one.figures() for one in self.tried],
            "evidence": self.evidence.figures() if self.evidence else None,
            **{f"{name}_version": version for name, version in self.versions.items()},
        }

    def _row_figures(self, row: Row) -> dict[str, Any]:
        """A row; what was decided for the one that the report is about stands in the report, and only there."""
        decided = row.quantization.figures() if row.quantization and row.name != self.about else {}
        return {**row.figures(self.task), **decided}

    def _about(self, subject: Row) -> dict[str, Any]:
        """The first row and the one that the report is about, the short way; and all that was decided for that one."""
        kept = subject.kept_by(GUARD)
        return {
            "float": _side(self.task, self.reference),
            "quantized": _side(self.task, subject),
            "drop": self.drop,
            AGREEMENT: asdict(subject.agreement) if subject.agreement else None,
            "artefact_digest": subject.digest,
            "files": [one.figures() for one in subject.files],
            "runtime": sentences(note for note in subject.notes if note.step == RUNTIME),
            **({"guard": kept} if subject.quantization and subject.quantization.share else {}),
            **(subject.quantization.figures() if subject.quantization else {}),
        }


def sentences(notes: Iterable[Note]) -> list[str]:
    """The sentences of notes, each once."""
    return list(dict.fromkeys(note.sentence for note in notes))


def other_notes(row: Row) -> list[Note]:
    """The notes of a row besides those of its runtime and on what the guard has kept in float."""
    kept = row.kept_by(GUARD)
    return [note for note in row.notes if note.step != RUNTIME and note.sentence not in kept]


def skip_figures(skipped: Iterable[Skip]) -> list[dict[str, str]]:
    """Images that were left out: "path" and "reason"."""
    return [{"path": str(skip.path), "reason": skip.reason} for skip in skipped]


def _side(task: str, row: Row) -> dict[str, Any]:
    measured = row.accuracy or dict.fromkeys(MEASURES[task])
    return {**measured, "latency_ms": row.latency_ms, "size_bytes": row.size_bytes, "zipped_bytes": row.zipped_bytes}
