"""The inside of a quantised model: its grids and what they cost, its graph as it ran, its times, where it is from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from detquant.calibration import Feed, most_informative
from detquant.data import iter_images
from detquant.families import Family
from detquant.pipeline.calibration_images import at_places
from detquant.pipeline.entries import Entry
from detquant.pipeline.evidence import SQNR_IMAGES
from detquant.pipeline.inside.graph import block_facts, drawing_of
from detquant.pipeline.inside.provenance import calibration_paths, provenance_of
from detquant.pipeline.inside.tensors import tensor_losses
from detquant.pipeline.inside.times import executed, profile_of, timed
from detquant.pipeline.job import Job
from detquant.report.evidence import Evidence

LOOKING = "looking inside"


def inside_of(
    job: Job, quantized: Entry, reference: Entry, threads: int, *, call: str = "detquant.quantize"
) -> Evidence:
    """What is known of the inside of a quantised model, after it was measured: profilers disturb what a clock tells.

    Args:
        job: how it was made.
        quantized: the quantised model, open on the job's place, under the name of its row.
        reference: the float model beside it, likewise.
        threads: number of threads of ONNX Runtime where tensors are looked at; the times are on those of the models.
        call: the function that was called, where no command line was.

    Returns:
        Evidence with its tensors, blocks, profiles and provenance alone. Tensors are those of a model that detquant
        has quantised itself; blocks and profiles are there for all, as far as the runtime tells.

    Raises:
        DetquantError: a runtime refuses the model that it ran before, or an image is gone.
    """
    tick = job.progress or (lambda what, done, total: None)
    tick(LOOKING, 0, 3)
    paths = calibration_paths(job, quantized)
    feeds = feeds_of(job, quantized, paths)
    drawing = drawing_of(job, quantized)
    told = quantized.quantization.sqnr_db if quantized.quantization else {}
    tensors = tensor_losses(quantized.model, told, feeds, threads) if quantized.model else ()
    tick(LOOKING, 1, 3)
    ran = {entry.name: timed(entry, feeds[0]) for entry in (reference, quantized)}
    tick(LOOKING, 2, 3)
    precisions = executed(ran[quantized.name], drawing.names)
    found = Evidence(
        tensors=tensors,
        blocks=block_facts(drawing, quantized, precisions, feeds, threads),
        profiles=tuple(one for name in ran if (one := profile_of(name, ran[name], drawing.names)).operators),
        provenance=provenance_of(job, quantized, paths, call),
    )
    tick(LOOKING, 3, 3)
    return found


def feeds_of(job: Job, quantized: Entry, paths: Sequence[Path]) -> list[Feed]:
    """A few images as network inputs: of those that calibrated the most informative, else the first to measure on.

    Args:
        job: knows the data.
        quantized: has the statistics.
        paths: the calibration images; empty where none were needed.
    """
    family, found = job.detector.family, quantized.model.statistics.informativeness if quantized.model else ()
    if not paths:
        return list(islice(_readable(family, job.dataset.validation), SQNR_IMAGES))
    places = most_informative(found, SQNR_IMAGES) or range(min(SQNR_IMAGES, len(paths)))
    return list(at_places(family, paths, places))


def _readable(family: Family, paths: Sequence[Path]) -> Iterator[Feed]:
    for _, pixels in iter_images(paths, []):
        yield family.feeds(family.preprocess(pixels)[0])
