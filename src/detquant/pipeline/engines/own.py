"""detquant's own way: the job's recipe, planned for its target."""

from __future__ import annotations

from detquant.pipeline.decisions import KEY
from detquant.pipeline.engines._base import Product
from detquant.pipeline.evidence import decisions, label, sqnr
from detquant.pipeline.file_ends import with_ends_of_file
from detquant.pipeline.job import Job


def quantize(job: Job) -> Product:
    """Plans, calibrates, takes the recipe's steps, and lowers what comes out."""
    made = job.run()
    qdq = made.model.qdq()
    label(qdq, job.detector, job.recipe.name, job.target.name)
    return Product(
        artefact=job.target.lower(with_ends_of_file(qdq, job.detector, job.target)),
        figures={
            **decisions(made.model),
            KEY: job.about(made.context.measurements.all()).figures(),
            "calibration": {"images": made.images, "seconds": made.seconds, "peak_rss_mb": made.peak_rss_mb},
            "sqnr_db": sqnr(made.model, qdq, made.context.images.informative, made.context.threads),
            "recipe": job.recipe.name,
        },
        skipped=made.skipped,
        qdq=qdq,
        model=made.model,
    )
