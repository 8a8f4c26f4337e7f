"""detquant's own way: the job's recipe, planned for its target."""

from __future__ import annotations

import time

import onnx_ir as ir

from detquant.calibration import QuantModel
from detquant.pipeline.engines._base import Product
from detquant.pipeline.evidence import plan_digest, sqnr
from detquant.pipeline.file_ends import with_ends_of_file
from detquant.pipeline.inspection import integer_share
from detquant.pipeline.job import Job, Made
from detquant.pipeline.label import label
from detquant.pipeline.memory import peak_rss_mb
from detquant.report.quantization import Calibration, Quantization
from detquant.targets import Artefact


def quantize(job: Job) -> Product:
    """Plans, calibrates, takes the recipe's steps, and lowers what comes out; or lowers the float model."""
    if job.recipe.precision is not None:
        return _in_float(job, job.recipe.precision)
    return product_of(job, job.run())


def product_of(job: Job, made: Made) -> Product:
    """What a job has made, lowered for its target, with what is to be told of it."""
    model, context = made.model, made.context
    artefact, qdq = lowered(job, model)
    losses, others = sqnr(model, qdq, context.images.informative, context.threads)
    return Product(
        artefact=artefact,
        quantization=Quantization(
            recipe=job.recipe.name,
            engine="detquant",
            calibration=Calibration(images=made.images, seconds=made.seconds, peak_rss_mb=made.peak_rss_mb),
            share=integer_share(model.reference, model.plan, job.target.capability),
            kept_float=dict(model.plan.kept_float),
            sqnr_db=losses,
            plan_digest=plan_digest(model.plan),
            decisions=job.about(context.measurements.all()).figures(),
        ),
        notes=model.notes,
        skipped=made.skipped,
        qdq=qdq,
        model=model,
        sqnr_db={**losses, **others},
    )


def lowered(job: Job, model: QuantModel) -> tuple[Artefact, ir.Model]:
    """The files of a quantised model for a job's target, and the graph that they are made of."""
    qdq = model.qdq()
    label(qdq, job.detector, job.recipe.name, job.target.name)
    return job.target.lower(with_ends_of_file(qdq, job.detector, job.target)), qdq


def _in_float(job: Job, precision: str) -> Product:
    """The float model in a precision of the target's; no image is looked at."""
    started, graph = time.perf_counter(), job.detector.graph_for(job.target).clone()
    label(graph, job.detector, job.recipe.name, job.target.name)
    artefact = job.target.lower_float(with_ends_of_file(graph, job.detector, job.target), precision)
    seconds = round(time.perf_counter() - started, 3)
    took = Calibration(images=0, seconds=seconds, peak_rss_mb=round(peak_rss_mb(), 1))
    return Product(
        artefact=artefact,
        quantization=Quantization(recipe=job.recipe.name, engine="detquant", calibration=took),
        notes=(),
        skipped=(),
        qdq=graph,
    )
