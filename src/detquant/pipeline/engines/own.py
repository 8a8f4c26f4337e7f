"""detquant's own way: the job's recipe, planned for its target."""

from __future__ import annotations

import time

from detquant.pipeline.engines._base import Product
from detquant.pipeline.evidence import plan_digest, sqnr
from detquant.pipeline.file_ends import with_ends_of_file
from detquant.pipeline.inspection import integer_share
from detquant.pipeline.job import Job
from detquant.pipeline.label import label
from detquant.pipeline.memory import peak_rss_mb
from detquant.report.quantization import Calibration, Quantization


def quantize(job: Job) -> Product:
    """Plans, calibrates, takes the recipe's steps, and lowers what comes out; or lowers the float model."""
    if job.recipe.precision is not None:
        return _in_float(job, job.recipe.precision)
    made = job.run()
    model, context, qdq = made.model, made.context, made.model.qdq()
    label(qdq, job.detector, job.recipe.name, job.target.name)
    return Product(
        artefact=job.target.lower(with_ends_of_file(qdq, job.detector, job.target)),
        quantization=Quantization(
            recipe=job.recipe.name,
            engine="detquant",
            calibration=Calibration(images=made.images, seconds=made.seconds, peak_rss_mb=made.peak_rss_mb),
            share=integer_share(model.reference, model.plan, job.target.capability),
            kept_float=dict(model.plan.kept_float),
            sqnr_db=sqnr(model, qdq, context.images.informative, context.threads),
            plan_digest=plan_digest(model.plan),
            decisions=job.about(context.measurements.all()).figures(),
        ),
        notes=model.notes,
        skipped=made.skipped,
        qdq=qdq,
        model=model,
    )


def _in_float(job: Job, precision: str) -> Product:
    """The float model in a precision of the target's; no image is looked at."""
    started, graph = time.perf_counter(), job.target.rewrite(job.detector.model).clone()
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
