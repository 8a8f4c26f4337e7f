"""How well a detector sees and how long it takes, image by image.

Each image is read and preprocessed once and shown to every model; the models take turns in who is first. So
two of them are compared on the same pixels, at the same temperature of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from detquant.data import Dataset, Skip, fit_task, iter_images, open_dataset
from detquant.errors import DatasetError
from detquant.evaluation.besides import BesidesLoss
from detquant.evaluation.found import Found
from detquant.evaluation.scorers import Score, Scorer, figures, make_scorer
from detquant.families import Detections, Family, Geometry
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.file_ends import said_of_feeding, said_of_running
from detquant.pipeline.finite import require_finite
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.opening import Opening
from detquant.pipeline.options import EvaluateOptions
from detquant.progress import Progress
from detquant.report.report import skip_figures
from detquant.targets import Runner, fitted, load_target, read_by
from detquant.targets.latency import in_turn, stopwatch

T = TypeVar("T")

# The prefetch thread fills a batch while the last one is measured and then rests, so most runs of a batch
# have the machine to themselves and the median is theirs. Two batches are in memory at a time.
BATCH = 4

NOTHING = 1.0
"""AP50 below which a detector finds nothing."""
NO_OBJECT = "{images} labelled object, so there is no AP to measure: give labels, or images that have some."
ONLY_CROWDS = (
    "{images} labelled object that is no crowd (iscrowd 1), and AP is of single objects: there is none to measure. "
    "Give images with objects that are labelled one by one."
)
FINDS_NOTHING = "The model finds nothing: it may be fed or read wrongly, which detquant doctor tells."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The accuracy, the times and the detections of one model.

    Attributes:
        accuracy: None where neither objects nor classes are known.
        inference_ms: median time in the runtime.
        decode_ms: median time from raw outputs to boxes, at validation's confidence of 0.001.
        confident: what `Family.confident_detections` keeps, one entry an image.
        found: everything that was found, also what it is hardly sure of; None of a classifier.
    """

    accuracy: Score | None
    inference_ms: float
    decode_ms: float
    confident: tuple[Detections, ...]
    found: Found | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measurements of several models on the same images.

    Attributes:
        sides: by the names of the runners.
        preprocess_ms: median time from pixels to network input.
        images: how many were measured.
        paths: paths of these images, in the order of what was found in them.
        skipped: images that could not be read, here or when the data set was opened.
        notes: what is to be known of the data.
        warnings: what the figures may be wrong for.
    """

    sides: Mapping[str, Side]
    preprocess_ms: float
    images: int
    skipped: tuple[Skip, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The accuracy, the latency and the remarks on one model.

    Attributes:
        accuracy: None where neither objects nor classes are known.
        latency_ms: median of each stage: "preprocess", "inference", "decode".
        images: how many were measured.
        skipped: images that could not be read.
        notes: what is to be known of the runtime and of the data.
        warnings: what the figures may be wrong for.
        objects: confident detections in all images.
        target: the place that it ran on.
        detector: the model.
        data: name of the data set.
    """

    accuracy: Score | None
    latency_ms: Mapping[str, float]
    images: int
    skipped: tuple[Skip, ...]
    notes: tuple[str, ...]
    objects: int
    target: str
    detector: Detector
    data: str
    warnings: tuple[str, ...] = ()

    def figures(self) -> dict[str, Any]:
        """The figures as plain values, for JSON; measures are None where neither objects nor classes are known."""
        task = self.detector.family.task
        return {
            **self.detector.identity,
            "target": self.target,
            "task": task,
            "data": self.data,
            **figures(task, self.accuracy),
            "per_class": dict(self.accuracy.per_class) if self.accuracy else None,
            "images": self.images,
            "objects": self.objects,
            "latency_ms": self.latency_ms["inference"],
            "stages_ms": dict(self.latency_ms),
            "skipped": skip_figures(self.skipped),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


@Keywords(EvaluateOptions)
def evaluate(
    model: str | os.PathLike[str] | Detector, data: str | os.PathLike[str] | Dataset, options: EvaluateOptions
) -> Evaluation:
    """Measures one detector on the validation images.

    Args:
        model: a detector, float or quantised, or the path of its file.
        data: a data set, or its path, with or without known objects.
        options: see `EvaluateOptions`.

    Raises:
        ModelError, TargetError: the file cannot be read, or the runtime refuses it.
        DatasetError: no image can be read, the data are for another task, or the classes are not the model's.
        OptionError: a number is out of its bounds.

    Examples:
        >>> import detquant
        >>> found = detquant.evaluate("yolov8-pico", "scenes", val_limit=8)
        >>> round(found.accuracy.figures()["ap50"]), found.images, found.target
        (74, 8, 'ort')
        >>> found.figures()["latency_ms"] > 0
        True
    """
    detector = as_detector(model, options)
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    opening = detector.opening(options.threads, options.target)
    runners = {"model": opening.runner}
    limit, progress = options.val_limit, options.progress
    measured = run_over(detector.family, runners, dataset, limit=limit, progress=progress, finite=runners)
    side = measured.sides["model"]
    stages = {
        "preprocess": measured.preprocess_ms,
        "inference": side.inference_ms,
        "decode": side.decode_ms,
    }
    return Evaluation(
        accuracy=side.accuracy,
        latency_ms=stages,
        images=measured.images,
        skipped=measured.skipped,
        notes=(*opening.notes, *_said(detector, opening), *measured.notes),
        warnings=(*measured.warnings, *_finds_nothing(detector.family, side)),
        objects=sum(map(len, side.confident)),
        target=opening.target,
        detector=detector,
        data=dataset.name,
    )


def _said(detector: Detector, opening: Opening) -> tuple[str, ...]:
    """Sentences on the input, and on how a place runs the graph where that is not the file itself."""
    ran = () if opening.itself else said_of_running(detector, load_target(opening.target))
    return (*said_of_feeding(detector), *ran)


def _finds_nothing(family: Family, side: Side) -> list[str]:
    """A sentence on a detector that sees nothing, which is seldom its own fault."""
    if family.task != "detect":
        return []
    blind = side.accuracy.figures()["ap50"] < NOTHING if side.accuracy else not any(map(len, side.confident))
    return [FINDS_NOTHING] if blind else []


def run_over(
    family: Family,
    runners: Mapping[str, Runner],
    dataset: Dataset,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
    finite: Collection[str] = (),
) -> Measured:
    """Shows the validation images to models of one family.

    Args:
        family: preprocesses and decodes for all of them.
        runners: open models by name; they take the same input.
        dataset: the data set whose validation images are used.
        limit: the first so many only.
        progress: called with ("evaluating", done, total).
        finite: names of the models whose outputs must be finite; others have found nothing where theirs are not.

    Raises:
        DatasetError: no image can be read, none has a labelled object, or the classes are not the model's.
        ModelError: outputs of one of these models are NaN or infinite, or not what they are read as.
    """
    dataset = measurable(family, dataset, limit)
    paths = dataset.validation[:limit]
    skipped: list[Skip] = []
    losses = {name: BesidesLoss(family) for name in [*runners][1:] if family.besides}
    tallies = {name: _Tally(family, read_by(runner, family), runner, dataset) for name, runner in runners.items()}
    preprocess: list[float] = []
    measured: list[Path] = []
    for done, image in enumerate(ahead(_prepared(family, paths, skipped)), start=1):
        if done == 1:  # the runtime allocates on its first run
            for runner in runners.values():
                runner.run(fitted(runner, family.feeds(image.tensor)))
        for name in in_turn(list(tallies), done):
            tallies[name].show(image)
            if name in finite:
                require_finite(tallies[name].outputs, image.path)
                tallies[name].reader.require_meant(tallies[name].outputs)
        first, *_ = tallies.values()
        for name, loss in losses.items():
            if tallies[name].reader.besides:
                loss.add(first.outputs, tallies[name].outputs)
        preprocess.append(image.seconds)
        measured.append(image.path)
        if progress:
            progress("evaluating", done + len(skipped), len(paths))
    return Measured(
        sides={name: tally.side() for name, tally in tallies.items()},
        preprocess_ms=median(preprocess) * 1e3,
        images=len(preprocess),
        skipped=(*dataset.skipped, *skipped),
        notes=(*dataset.notes, *_said_of_besides(losses)),
        warnings=dataset.warnings,
        paths=tuple(measured),
    )


def _said_of_besides(losses: Mapping[str, BesidesLoss]) -> Iterator[str]:
    """A sentence for each model on what it gives beside boxes and scores."""
    for name, loss in losses.items():
        told = ", ".join(f"{what} {decibels:.1f} dB" for what, decibels in loss.decibels().items())
        if told:
            yield f"What '{name}' gives beside boxes and scores, as SQNR against the float model: {told}."


def measurable(family: Family, dataset: Dataset, limit: int | None = None) -> Dataset:
    """The data set as models of the family use it; fails before the work when it could not measure them.

    Raises:
        DatasetError: the data are for another task, the classes are not the model's, or no image to be measured has
            a labelled object that is no crowd.
    """
    dataset = fit_task(dataset, family.task, _paired_classes(family, dataset), supposed=family.names_supposed)
    if dataset.ground_truth is None:
        return dataset
    paths, ids = dataset.validation[:limit], dataset.image_ids
    measured = {ids[path] for path in paths}
    objects = [one for one in dataset.ground_truth["annotations"] if one["image_id"] in measured]
    if not objects:
        raise DatasetError(NO_OBJECT.format(images=_several(len(paths))))
    if all(one.get("iscrowd") for one in objects):
        raise DatasetError(ONLY_CROWDS.format(images=_several(len(paths))))
    return dataset


def _several(images: int) -> str:
    return "The one validation image has no" if images == 1 else f"None of the {images:,} validation images has a"


def _paired_classes(family: Family, dataset: Dataset) -> tuple[str, ...]:
    """The names by which classes are paired: the data set's own, where their order was told to count."""
    theirs = dataset.classes
    by_index = family.told.get("classes") == "by-index" and theirs is not None
    return theirs if by_index and theirs and len(theirs) == family.num_classes else family.classes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    path: Path
    tensor: npt.NDArray[np.float32]
    geometry: Geometry
    seconds: float


def _prepared(family: Family, paths: tuple[Path, ...], skipped: list[Skip]) -> Iterator[_Image]:
    for path, pixels in iter_images(paths, skipped):
        (tensor, geometry), seconds = stopwatch(partial(family.preprocess, pixels))
        yield _Image(path=path, tensor=tensor, geometry=geometry, seconds=seconds)


@dataclass(slots=True)
class _Tally:
    """Detections and times of one model as they are gathered, image by image.

    Attributes:
        family: feeds it.
        reader: reads what it gives.
        outputs: raw outputs for the last image.
    """

    family: Family
    reader: Family
    runner: Runner
    dataset: Dataset
    inference: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)
    confident: list[Detections] = field(default_factory=list)
    found: list[Detections] = field(default_factory=list)
    scorer: Scorer | None = None
    outputs: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scorer = make_scorer(self.dataset, self.family.classes)

    def show(self, image: _Image) -> None:
        feeds = fitted(self.runner, self.family.feeds(image.tensor))
        outputs, seconds = stopwatch(partial(self.runner.run, feeds))
        self.outputs = outputs
        self.inference.append(seconds)
        found, seconds = stopwatch(partial(self.reader.decode, outputs, image.geometry))
        self.decode.append(seconds)
        self.confident.append(self.reader.confident_detections(found))
        if self.family.task == "detect":
            self.found.append(found)
        if self.scorer:
            self.scorer.add(self.dataset.image_ids[image.path], found)

    def side(self) -> Side:
        return Side(
            accuracy=self.scorer.result() if self.scorer else None,
            inference_ms=median(self.inference) * 1e3,
            decode_ms=median(self.decode) * 1e3,
            confident=tuple(self.confident),
            found=Found.of(self.found) if self.family.task == "detect" else None,
        )


def ahead(items: Iterator[T], batch: int = BATCH) -> Iterator[T]:
    """Yields items in their order, made in batches by a thread that is one batch ahead."""
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(lambda: list(islice(items, batch)))
        while made := pending.result():
            pending = thread.submit(lambda: list(islice(items, batch)))
            yield from made
