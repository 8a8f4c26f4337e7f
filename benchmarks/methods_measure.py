"""One row of `methods.py`: quantised, and measured beside the float file; for a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ways import Way, choices

from detquant.data import open_dataset
from detquant.pipeline.calibration_images import require_calibration
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.entries import own_file, quantized_entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Job
from detquant.recipes import Recipe, load_recipe
from detquant.targets import load_target
from detquant.targets.latency import stopwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        model: its file, or the name of an embedded one.
        data: the data set.
        recipe: gives the widths.
        target: place to run.
        calib: number of calibration images.
        imgsz: side of the input, where the model leaves it open.
        limit: number of validation images, or None for all.
        options: those of steps that are not the steps' own, by the name of the step.
    """

    model: str
    data: str
    recipe: str
    target: str
    calib: int
    imgsz: int | None
    limit: int | None
    options: Mapping[str, Mapping[str, Any]]

    def job(self, recipe: Recipe) -> Job:
        """What is to be done by a recipe.

        Raises:
            DetquantError: the model or the data set cannot be had, or the target does not take the recipe.
        """
        detector = load(self.model, imgsz=self.imgsz)
        detector.require_float()
        dataset = measurable(detector.family, open_dataset(self.data), self.limit)
        require_calibration(dataset, recipe)
        place = load_target(self.target)
        return Job(detector=detector, dataset=dataset, recipe=recipe, target=place, calib=self.calib)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row as it was measured.

    Attributes:
        measure: name of the measure.
        images: how many were measured.
        before: the float file's, per cent.
        after: the quantised one's.
        seconds: what quantising took.
        processor_seconds: what it took of all processors.
        peak_mb: peak memory of the process until then.
        notes: what was said of how it was made.
    """

    measure: str
    images: int
    before: float
    after: float
    seconds: float
    processor_seconds: float
    peak_mb: float
    notes: tuple[str, ...]


def decided(setting: Setting) -> Mapping[str, Any]:
    """What the clock decides about the model.

    Raises:
        DetquantError: the model, the data set or the recipe cannot be had, or not on this target.
    """
    basis = load_recipe(setting.recipe)
    with setting.job(replace(basis, steps=choices(basis))).begun() as begun:
        return begun.context.measurements.all()


def measured(way: Way, setting: Setting, taken: Mapping[str, Any]) -> Found:
    """One row, with the decisions that all of them share.

    Raises:
        DetquantError: it cannot be had.
    """
    job = setting.job(way.recipe(load_recipe(setting.recipe), setting.options))
    job = replace(job, decisions=job.about(taken))
    made, spent = stopwatch(partial(quantized_entry, job, 1), time.process_time)
    detector, dataset = job.detector, job.dataset
    report = compare([own_file(detector, job.target, 1), made], detector.family, dataset, limit=setting.limit).report(
        detector, dataset, 1
    )
    row = report.row(made.name)
    assert row.quantization is not None, "it is detquant that has quantised"
    before, after = (one.value(report.measure) or 0.0 for one in (report.reference, row))
    return Found(
        measure=report.measure,
        images=report.images,
        before=before,
        after=after,
        seconds=row.quantization.calibration.seconds,
        processor_seconds=spent,
        peak_mb=row.quantization.calibration.peak_rss_mb,
        notes=tuple(note.sentence for note in row.notes),
    )
