"""What each layer of a model costs alone: measured, kept, and gone on with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detquant.data import Dataset, fingerprint, iter_images
from detquant.errors import DatasetError, OptionError
from detquant.families import Family
from detquant.graph import OrtRunner
from detquant.pipeline.calibration_images import as_dataset, require_calibration
from detquant.pipeline.decisions import decisions_about, read_decisions
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.doctor import require_sound
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.job import Begun, Job
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.losses import Losses, Subject, resumed
from detquant.pipeline.memory import FOLDER
from detquant.pipeline.options import LossOptions, SensitivityOptions
from detquant.pipeline.outputs import LOSSES
from detquant.pipeline.wish import integer_place, read_recipe
from detquant.pipeline.workers import workers
from detquant.recipes import Recipe
from detquant.report.files import require_writable, staged
from detquant.search import Sensitivity
from detquant.search.measures import ACCURACY, AccuracyDrop, HeadDamage, Measure, Shown
from detquant.search.sensitivity import sensitivity as measured

ACCURACY_IMAGES = 50
"""Validation images that accuracy is measured on where no number is given."""
TUNED = (
    "losses are of accuracy on {count} validation images of {data}: what is measured on these afterwards is a little "
    "too good, so measure the result on others"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losing:
    """What each layer of a model costs alone.

    Attributes:
        table: the losses.
        losses: the same as they are kept in a file.
        notes: what is to be known of them.
        inputs: files that they were made from; saving does not replace them.

    Examples:
        >>> import detquant
        >>> few = {"widths": (4, 8), "activations": (8,), "images": 1, "calib": 2, "jobs": 1}
        >>> found = detquant.sensitivity("resnet-pico", "crops", **few)
        >>> layer = max(found.table.layers, key=lambda one: one.loss[4])
        >>> layer.loss[4] > layer.loss[8]
        True
        >>> found.save("resnet-pico-sensitivity")  # sensitivity.json
    """

    table: Sensitivity
    losses: Losses
    notes: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes ``sensitivity.json``, which `detquant.mixed_precision` and `detquant.quantize` take.

        Raises:
            OutputError: the folder cannot be written, or something that detquant did not write is in the way.
        """
        with staged(folder, self.inputs) as put:
            put(LOSSES, self.losses.content())

    def figures(self) -> dict[str, Any]:
        """The table as plain values, for JSON."""
        about = self.losses.about
        return {
            "model": about.model,
            "model_sha256": about.model_sha256,
            "target": about.target,
            "recipe": about.recipe,
            **self.table.figures(),
            "notes": list(self.notes),
        }


@Keywords(SensitivityOptions)
def sensitivity(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: SensitivityOptions
) -> Losing:
    """What each weight and each grid of activations costs alone, at each width.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path, as for `quantize`.
        options: see `SensitivityOptions`.

    Raises:
        DetquantError: a ModelError, DatasetError, RecipeError, TargetError, CalibrationError, OptionError, WorkerError
            or OutputError, in a sentence.

    Examples:
        >>> import detquant
        >>> few = {"widths": (3,), "activations": (8,), "images": 1, "calib": 2, "jobs": 1}
        >>> found = detquant.sensitivity("resnet-pico", "crops", **few)
        >>> found.table.measure, len(found.table.layers) > 20, all(one.loss[3] >= 0 for one in found.table.layers)
        ('damage', True, True)
    """
    job = job_of(model, data, options)
    with job.begun() as begun, workers(options.executor, options.jobs, options.cluster) as executor:
        return losing(job, begun, options, executor, limit=options.val_limit)


def job_of(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: SensitivityOptions
) -> Job:
    """The job whose model is looked at: read, and shown to be sound.

    Raises:
        DetquantError: in a sentence.
    """
    work = Path(options.work) if options.work else None
    if work:
        require_writable(work / FOLDER)
    given = read_decisions(options.decisions) if options.decisions is not None else ()
    wish, place = read_recipe(options.recipe), integer_place(options.target)
    require_widths(wish)
    detector = as_detector(model, options)
    detector.require_float()
    dataset = as_dataset(data, options.seed)
    require_calibration(dataset, wish)
    require_sound(detector, dataset, force=options.force, progress=options.progress)
    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=wish,
        target=place,
        calib=options.calib,
        work=work,
        executor=options.executor,
        progress=options.progress,
        looks=True,
    )
    if options.decisions is None:
        return job
    return replace(job, decisions=decisions_about(job.about({}), given, options.decisions))


def require_widths(recipe: Recipe) -> None:
    """Refuses a recipe that leaves no widths to choose.

    Raises:
        OptionError: it is one of a float precision.
    """
    if recipe.precision is not None:
        raise OptionError(
            f"Recipe '{recipe.name}' is all in float, so there are no widths to choose: take one such as w4a8."
        )


def losing(
    job: Job,
    begun: Begun,
    options: LossOptions,
    executor: Executor | None,
    *,
    limit: int | None = None,
    widths: tuple[int, ...] | None = None,
    activations: tuple[int, ...] | None = None,
) -> Losing:
    """What each layer of a job's model costs alone; an interrupted run is gone on with.

    Args:
        job: the job.
        begun: the same, with its plan decided.
        options: how losses are measured.
        executor: where trials run; None for here.
        limit: the first so many validation images only, for accuracy.
        widths: widths of weights where the options name none; None for all.
        activations: widths of activations, likewise.

    Raises:
        OptionError: a width is none.
        DatasetError: accuracy is asked for, and nothing is known of the images.
    """
    for bits in (*options.widths, *options.activations):
        if not 2 <= bits <= 16:
            raise OptionError(f"A width has 2 to 16 bits, and {bits} is asked for.")
    measure, key, notes = _measure(job, begun, options, limit)
    about = Subject(
        model=job.detector.imported.path.name,
        model_sha256=job.detector.imported.sha256,
        target=job.target.name,
        recipe=job.recipe.name,
        measure=measure.name,
        images=measure.images,
        key=key,
    )
    kept = job.work / FOLDER / f"{key}-losses.json" if job.work else None
    losses = resumed(kept, about)
    try:
        table = measured(
            begun.model,
            job.target.capability,
            measure,
            widths=options.widths or widths,
            activations=options.activations or activations,
            executor=executor,
            known=losses.known,
            found=losses.add,
            progress=job.progress,
        )
    finally:
        losses.keep()
    return Losing(table=table, losses=losses, notes=notes, inputs=(job.detector.imported.path,))


def _measure(job: Job, begun: Begun, options: LossOptions, limit: int | None) -> tuple[Measure, str, tuple[str, ...]]:
    """The measure, a digest of all that it depends on, and what is to be known of it."""
    if options.measure != ACCURACY:
        assert begun.context.damage is not None, "the job looks at images"
        damage = begun.context.damage.limited(options.images)
        return HeadDamage(damage), _digest(begun.key, options.measure, [str(len(damage.feeds))]), ()
    family, runner = job.detector.family, OrtRunner(begun.model.reference)
    dataset = measurable(family, job.dataset, limit or ACCURACY_IMAGES)
    if dataset.ground_truth is None and dataset.labels is None:
        raise DatasetError(f"{dataset.name} has no labels, so there is no accuracy: take the measure 'damage'.")
    paths = dataset.validation[: limit or ACCURACY_IMAGES]
    shown = _shown(family, dataset, paths)
    drop = AccuracyDrop(family, _only(dataset, len(paths)), shown, runner.run)
    key = _digest(begun.key, options.measure, [str(fingerprint(path)) for path in paths])
    return drop, key, (TUNED.format(count=len(shown), data=dataset.name),)


def _shown(family: Family, dataset: Dataset, paths: Sequence[Path]) -> list[Shown]:
    shown = []
    for path, pixels in iter_images(paths, []):
        tensor, geometry = family.preprocess(pixels)
        shown.append(Shown(image_id=dataset.image_ids[path], feed=family.feeds(tensor), geometry=geometry))
    return shown


def _only(dataset: Dataset, count: int) -> Dataset:
    """The data set with its first validation images alone, so that little of it travels."""
    truth = dataset.ground_truth
    if truth is not None:
        images = truth["images"][:count]
        known = {image["id"] for image in images}
        told = [one for one in truth["annotations"] if one["image_id"] in known]
        truth = {**truth, "images": images, "annotations": told}
    labels = dataset.labels[:count] if dataset.labels is not None else None
    return replace(dataset, calibration=(), validation=dataset.validation[:count], ground_truth=truth, labels=labels)


def _digest(key: str, measure: str, of: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([key, measure, *of]).encode("utf-8", "surrogateescape")).hexdigest()[:24]
