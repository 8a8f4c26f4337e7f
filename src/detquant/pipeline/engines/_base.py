"""The protocol of an engine: detquant itself, or a peer that gets the same images and is measured by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import onnx_ir as ir

from detquant.calibration import Note, QuantModel
from detquant.data import Skip
from detquant.pipeline.job import Job
from detquant.report.quantization import Quantization
from detquant.targets import Artefact


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The quantised model that an engine gives, and what it decided.

    Attributes:
        artefact: files for the job's target.
        quantization: what the engine has decided, and what that took.
        notes: what else it has to say.
        skipped: calibration images that could not be read.
        qdq: the graph that the artefact was made of, to compare with; None where there is none.
        model: the quantised model, for those who go on; None where the engine is not detquant's.
        sqnr_db: SQNR of its tensors and of the results of its blocks, dB, as far as they are known.
    """

    artefact: Artefact
    quantization: Quantization
    notes: tuple[Note, ...]
    skipped: tuple[Skip, ...]
    qdq: ir.Model | None = None
    model: QuantModel | None = None
    sqnr_db: Mapping[str, float] = field(default_factory=dict)


class Engine(Protocol):
    """Makes an artefact of a job."""

    def __call__(self, job: Job) -> Product:
        """Quantises a model; nothing is measured.

        Raises:
            DetquantError: in a sentence.
        """
        ...
