"""A model in the ways in which a place can run it: in its float precisions, and quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from detquant.evaluation.agreement import agreement, same_guess
from detquant.evaluation.scorers import headline
from detquant.pipeline.decisions import KEY
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines import load_engine
from detquant.pipeline.evaluate import Measured, Side
from detquant.pipeline.evidence import label
from detquant.pipeline.file_ends import with_ends_of_file
from detquant.pipeline.job import Job
from detquant.targets import Artefact, Runner, Target

AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A way to run the model.

    Attributes:
        target: where.
        precision: of its weights and activations.
        artefact: its files.
        runner: the open model.
        qdq: the graph that a quantised artefact was made of; None where it is float.
        decisions: that were measured for it, see `detquant.pipeline.decisions`.
    """

    target: str
    precision: str
    artefact: Artefact
    runner: Runner
    qdq: ir.Model | None = None
    decisions: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.target} {self.precision}"


def float_entries(detector: Detector, place: Target, threads: int) -> Iterator[Entry]:
    """The model in float, in each way that the place knows.

    Raises:
        DetquantError: the place refuses it.
    """
    model = place.rewrite(detector.model).clone()
    label(model, detector, "float", place.name)
    model = with_ends_of_file(model, detector, place)
    for precision, artefact, runner in place.open_float(model, threads):
        yield Entry(target=place.name, precision=precision, artefact=artefact, runner=runner)


def quantized_entry(job: Job, threads: int) -> Entry:
    """The model quantised for the job's place.

    Raises:
        DetquantError: it cannot be, or the place refuses it.
    """
    made = load_engine("detquant")(job)
    return Entry(
        target=job.target.name,
        precision=job.recipe.name,
        artefact=made.artefact,
        runner=job.target.open(made.artefact, threads),
        qdq=made.qdq,
        decisions=made.figures[KEY],
    )


def compared_by(task: str, measured: Measured) -> tuple[str, dict[str, float]]:
    """What entries are compared by, and its value for each.

    Args:
        task: of the model.
        measured: sides by the names of the entries, a float one first.

    Returns:
        The task's first measure; where the data know no truth, "agreement" with the first entry, per cent.
    """
    sides = measured.sides
    known = {name: side.accuracy for name, side in sides.items() if side.accuracy}
    if len(known) == len(sides):
        measure = headline(task)
        return measure, {name: score.figures()[measure] for name, score in known.items()}
    reference = next(iter(sides.values()))
    return AGREEMENT, {name: agreement_percent(task, reference, side) for name, side in sides.items()}


def agreement_percent(task: str, reference: Side, side: Side) -> float:
    """How far two models say the same of the same images, 0 to 100."""
    if task == "classify":
        return same_guess(reference.confident, side.confident)
    return 100 * agreement(reference.confident, side.confident).f1
