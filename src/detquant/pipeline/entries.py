"""A model in the ways in which a place can run it: the user's own file, in the place's float precisions, quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from detquant.calibration import Note, QuantModel
from detquant.data import Skip
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines import Product, load_engine
from detquant.pipeline.file_ends import said_of_ends, said_of_feeding, with_ends_of_file
from detquant.pipeline.growth import float_growth, growth
from detquant.pipeline.job import Job
from detquant.pipeline.label import label
from detquant.report.quantization import Quantization
from detquant.report.report import RUNTIME
from detquant.targets import Artefact, Runner, Target

FLOAT = "float"
"""Precision of the user's own file, whatever it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model to be compared with others.

    Attributes:
        name: unique among those of a comparison.
        title: title for readers.
        place: where it runs.
        precision: precision of its weights and activations, or the name of its recipe.
        runner: the open model; None where there is none, and `failure` says why.
        size_bytes: size of what runs in bytes; None where nothing does.
        artefact: the artefact that runs; None where the user's own file runs.
        folder: folder of these files within the run's folder, with a slash at its end; empty for that folder itself.
        qdq: the graph that a quantised artefact was made of, to compare with; None where there is none.
        model: the quantised model, for those who go on; None where it is not detquant's.
        sqnr_db: SQNR of its tensors and of the results of its blocks, dB, as far as they are known.
        quantization: what was decided for it; None where it is float.
        notes: on how it was made.
        skipped: calibration images that could not be read.
        failure: why it cannot be run, a sentence; None where it can.
        job: how it was made; None where it was not, or by nobody who tells.
    """

    name: str
    title: str
    place: Target
    precision: str
    runner: Runner | None = None
    size_bytes: int | None = None
    artefact: Artefact | None = None
    folder: str = ""
    qdq: ir.Model | None = None
    model: QuantModel | None = None
    sqnr_db: Mapping[str, float] = field(default_factory=dict)
    quantization: Quantization | None = None
    notes: tuple[Note, ...] = ()
    skipped: tuple[Skip, ...] = ()
    failure: str | None = None
    job: Job | None = None


def own_file(detector: Detector, place: Target, threads: int) -> Entry:
    """The user's own file, on this place.

    Raises:
        DetquantError: the place refuses it.
    """
    runner, size = detector.open(threads, place.name), detector.imported.size_bytes
    return Entry(name=FLOAT, title=FLOAT, place=place, precision=FLOAT, runner=runner, size_bytes=size)


def float_entries(detector: Detector, place: Target, threads: int) -> Iterator[Entry]:
    """The model in float, in each way that the place knows.

    Raises:
        DetquantError: the place refuses it.
    """
    model = detector.graph_for(place).clone()
    label(model, detector, FLOAT, place.name)
    model = with_ends_of_file(model, detector, place)
    for precision, artefact, runner in place.open_float(model, threads):
        yield Entry(
            name=f"{place.name} {precision}",
            title=precision,
            place=place,
            precision=precision,
            runner=runner,
            size_bytes=artefact.size_bytes,
            artefact=artefact,
        )


def quantized_entry(job: Job, threads: int, *, engine: str = "detquant") -> Entry:
    """The model quantised for the job's place.

    Args:
        job: what is to be done.
        threads: number of threads of the runtime.
        engine: who does it, a key of `detquant.pipeline.engines.ENGINES`.

    Raises:
        DetquantError: it cannot be, or the place refuses it.
    """
    return entry_of(load_engine(engine)(job), job, threads)


def entry_of(made: Product, job: Job, threads: int) -> Entry:
    """What an engine has made of a job, open on its place.

    Raises:
        DetquantError: the place refuses it.
    """
    place, detector = job.target, job.detector
    runner = place.open(made.artefact, threads)
    recipe = made.quantization.recipe
    said = (
        ("input", said_of_feeding(detector)),
        ("ends", said_of_ends(detector, place, kept=made.qdq is not None)),
        (RUNTIME, place.remarks(runner)),
        ("size", _growth(job, made.artefact, made.qdq)),
    )
    before, ends, runtime, size = ([Note(step=step, sentence=one) for one in some] for step, some in said)
    return Entry(
        name=f"{place.name} {recipe}",
        title=recipe,
        place=place,
        precision=recipe,
        runner=runner,
        size_bytes=made.artefact.size_bytes,
        artefact=made.artefact,
        qdq=made.qdq,
        model=made.model,
        sqnr_db=made.sqnr_db,
        quantization=made.quantization,
        notes=(*before, *ends, *runtime, *made.notes, *size),
        skipped=made.skipped,
        job=job,
    )


def _growth(job: Job, artefact: Artefact, graph: ir.Model | None) -> list[str]:
    """A sentence on a result that is larger than its file."""
    precision = job.recipe.precision
    if precision is None:
        return growth(job.detector, artefact, graph)
    return float_growth(job.detector, artefact, precision, job.target.precisions)
