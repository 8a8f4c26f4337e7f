"""One model as it was measured beside others: the same figures, whichever command measured them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from detquant.calibration import Note
from detquant.evaluation.agreement import Agreement, SameGuess
from detquant.evaluation.scorers import MEASURES
from detquant.report.quantization import Quantization

AGREEMENT = "agreement"
"""The measure by which models are compared where nothing is known of the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a model.

    Attributes:
        name: path within the run's folder.
        size_bytes: size of its content in bytes.
        sha256: SHA-256 of its content, in hexadecimal.
    """

    name: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, name: str, content: bytes) -> File:
        """A file with this content."""
        return cls(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    def figures(self) -> dict[str, Any]:
        """The file as plain values."""
        return {"file": self.name, "size_bytes": self.size_bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in one precision, in one place.

    Attributes:
        name: unique among the rows of a comparison.
        title: title for readers.
        target: the place that it ran on.
        precision: "float", "fp16", ... or the name of the recipe.
        accuracy: the task's measures by name, per cent; None where nothing is known of the images, or nothing ran.
        agreement: agreement with the first row, where nothing is known of the images.
        latency_ms: median time of the runtime for an image; None where nothing ran.
        ratio: ratio of the latency to that of the first row.
        size_bytes: size of what ran in bytes.
        zipped_bytes: size of its artefact as a zip archive in bytes; None where the user's own file ran.
        digest: digest of what ran, see `Artefact.digest`; None where the user's own file did.
        files: files of its artefact, with what a vendor's compiler made of it; empty where the user's own file ran.
        quantization: what was decided for it; None where it is float, or not detquant's.
        notes: notes on how it was made, and on its runtime.
        failure: why there is no such model, a sentence.
        best: whether no other row is at least as good in everything and better in something; None where not asked.
    """

    name: str
    title: str
    target: str
    precision: str
    accuracy: Mapping[str, float] | None = None
    agreement: Agreement | SameGuess | None = None
    latency_ms: float | None = None
    ratio: float | None = None
    size_bytes: int | None = None
    zipped_bytes: int | None = None
    digest: str | None = None
    files: tuple[File, ...] = ()
    quantization: Quantization | None = None
    notes: tuple[Note, ...] = ()
    failure: str | None = None
    best: bool | None = None

    def value(self, measure: str) -> float | None:
        """One of the task's measures, or the agreement with the first row where `measure` is `AGREEMENT`.

        Returns:
            Per cent; None where it is not known.
        """
        if measure == AGREEMENT:
            return self.agreement.percent if self.agreement else None
        return (self.accuracy or {}).get(measure)

    def kept_by(self, step: str) -> list[str]:
        """The reasons for which an algorithm has kept operators in float."""
        in_float = self.quantization.kept_float if self.quantization else {}
        return [
            one.sentence for one in self.notes if one.step == step and not in_float.keys().isdisjoint(one.operators)
        ]

    def figures(self, task: str) -> dict[str, Any]:
        """The measurements as plain values; the decisions are `Quantization.figures`.

        Args:
            task: task whose measures are given, None where they are not known.
        """
        first = self.files[0] if self.files else None
        return {
            "name": self.name,
            "title": self.title,
            "target": self.target,
            "precision": self.precision,
            **dict.fromkeys(MEASURES[task]),
            **(self.accuracy or {}),
            AGREEMENT: self.value(AGREEMENT),
            "agreed": asdict(self.agreement) if self.agreement else None,
            "latency_ms": self.latency_ms,
            "ratio": self.ratio,
            "size_bytes": self.size_bytes,
            "zipped_bytes": self.zipped_bytes,
            "digest": self.digest,
            "file": first.name if first else None,
            "sha256": first.sha256 if first else None,
            "files": [one.name for one in self.files],
            "written": [one.figures() for one in self.files],
            "noted": [one.figures() for one in self.notes],
            "failure": self.failure,
            "best": self.best,
        }
