"""The main job: a detector in, a quantised detector and the evidence out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant._version import __version__
from detquant.algorithms import Algorithm, Context, Damage, build_algorithm
from detquant.calibration import Collector, Statistics, calibrate, statistics_key
from detquant.data import Dataset, Skip, open_dataset
from detquant.errors import CalibrationError, ModelError
from detquant.graph import Runner
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.evaluate import measurable, run_over
from detquant.pipeline.evidence import label, report, sqnr
from detquant.pipeline.memory import peak_rss_mb, remembered
from detquant.recipes import QuantModel, Recipe, load_recipe, plan
from detquant.report.files import require_writable, staged, to_json
from detquant.report.markdown import to_markdown
from detquant.targets import Artefact, Target, load_target

Progress = Callable[[str, int, int], None]
FEEDS = 4
"""Images that algorithms look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A quantised detector and the evidence.

    Attributes:
        artefact: files in the target's format.
        report: figures as plain values.
        model: the quantised model, for those who go on.
    """

    artefact: Artefact
    report: dict[str, Any]
    model: QuantModel

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the artefact, ``report.json`` and ``report.md``: all of them or none.

        Raises:
            OutputError: the folder cannot be written.
        """
        with staged(folder) as put:
            for name, content in self.artefact.files.items():
                put(name, content)
            put("report.json", to_json(self.report))
            put("report.md", to_markdown(self.report))


def quantize(
    model: str | os.PathLike[str] | Detector,
    data: str | os.PathLike[str] | Dataset,
    *,
    recipe: str | Recipe = "w8a8",
    target: str = "ort",
    family: str = "auto",
    imgsz: int | None = None,
    preprocess: str | None = None,
    calib: int = 128,
    seed: int = 0,
    threads: int = 1,
    val_limit: int | None = None,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Quantises a detector and measures it beside the float model.

    Args:
        model: a float detector, or the path of its file.
        data: a data set, or its path: data.yaml, COCO json, or a folder of images.
        recipe: name, TOML file or recipe.
        target: where the result runs.
        family: detector family, or "auto".
        imgsz: side of the input in pixels, for models that leave it open.
        preprocess: of a classifier whose file does not tell it, see `load`.
        calib: number of calibration images.
        seed: chooses the calibration images.
        threads: of the runtime in the measurement.
        val_limit: measure on the first so many validation images only.
        work: folder in which statistics and measurements are kept, so that an interrupted run goes on.
        progress: called with (what, done, total).

    Raises:
        ModelError, DatasetError, RecipeError, TargetError, CalibrationError, OutputError: in a sentence.
    """
    if calib < 1:
        raise CalibrationError(f"{calib} calibration images were asked for: at least 1 is needed.")
    if work:
        require_writable(work)
    wish = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    place = load_target(target)
    place.require_integers()
    detector = model if isinstance(model, Detector) else load(model, family=family, imgsz=imgsz, preprocess=preprocess)
    if detector.is_quantized:
        where = detector.imported.path
        raise ModelError(f"'{where}' is quantised already (it has Q and DQ nodes): give the float model.")
    dataset = data if isinstance(data, Dataset) else open_dataset(os.fspath(data), seed)
    dataset = measurable(detector.family, dataset, val_limit)

    job = Job(
        detector=detector,
        dataset=dataset,
        recipe=wish,
        target=place,
        calib=calib,
        work=work,
        progress=progress,
    )
    made = job.run()
    qdq = made.model.qdq()
    label(qdq, detector, wish.name, place.name)
    artefact = place.lower(qdq)
    runners = {"float": detector.open(threads, place.name), "quantized": place.open(artefact, threads)}
    measured = run_over(detector.family, runners, dataset, limit=val_limit, progress=progress)
    figures = report(detector, dataset, made.model, artefact, measured, made.skipped, threads)
    artefact, finished = place.finish(artefact, detector.family)
    figures |= {
        "calibration": {"images": made.images, "seconds": made.seconds, "peak_rss_mb": made.peak_rss_mb},
        "sqnr_db": sqnr(made.model, qdq, made.context.feeds, made.context.threads),
        "recipe": wish.name,
        "target": place.name,
        "warnings": figures["warnings"] if place.runs_here else [],
        "runtime": [*place.remarks(runners["quantized"]), *finished],
        "seed": seed,
        "detquant_version": __version__,
    }
    return Result(artefact=artefact, report=figures, model=made.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a job gives: the model, and what it took."""

    model: QuantModel
    context: Context
    skipped: tuple[Skip, ...]
    images: int
    seconds: float
    peak_rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calibration and the recipe's steps, without measuring the result.

    Attributes:
        detector: the float model.
        dataset: gives the calibration images.
        recipe: the wish.
        target: the place to run.
        calib: number of calibration images.
        work: where statistics are kept, or None.
        progress: called with (what, done, total).
    """

    detector: Detector
    dataset: Dataset
    recipe: Recipe
    target: Target
    calib: int = 128
    work: Path | None = None
    progress: Progress | None = None

    def run(self) -> Made:
        """Plans, calibrates, and takes the steps in order."""
        started, threads = time.perf_counter(), os.cpu_count() or 1
        steps: list[Algorithm] = [build_algorithm(step.name, step.options) for step in self.recipe.steps]
        model, family = self.target.rewrite(self.detector.model), self.detector.family
        ranges = {family.input_name: family.pixel_range}
        decided = plan(model, self.recipe, self.target.capability, ranges=ranges)
        skipped: list[Skip] = []
        needed = bool(decided.owned or steps)
        paths = choose_images(self.dataset, self.calib, skipped) if needed else []
        inputs = {n.inputs[0].name or "" for n in model.graph if n.name in decided.weights and n.inputs[0]}
        settings = {
            "recipe": repr(self.recipe),
            "target": self.target.name,
            "shape": [family.height, family.width],
        }
        with remembered(self.work, statistics_key(self.detector.imported.sha256, paths, settings)) as memory:
            collector = Collector(
                model=model,
                plan=decided,
                by_channel=sorted(inputs),
                threads=threads,
                store=memory.statistics,
                progress=self.progress,
            )
            statistics = (
                collector.collect(lambda which: stream(family, [paths[k] for k in which]), len(paths))
                if needed
                else Statistics.empty()
            )
            feeds = tuple(stream(family, paths[:FEEDS]))
            context = Context(
                statistics=statistics,
                target=self.target,
                recipe=self.recipe,
                feeds=feeds,
                ranges=ranges,
                damage=Damage(family, Runner(model).run, feeds, threads) if steps else None,
                memory=memory.decisions,
                threads=threads,
                progress=self.progress,
            )
            qm = calibrate(model, decided, statistics, self.target.capability)
            for step in steps:
                qm = step(qm, context)
        return Made(
            model=qm,
            context=context,
            skipped=tuple(skipped),
            images=statistics.images,
            seconds=round(time.perf_counter() - started, 3),
            peak_rss_mb=round(peak_rss_mb(), 1),
        )
