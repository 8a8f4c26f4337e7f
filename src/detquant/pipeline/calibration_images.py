"""The images that calibrate: chosen, checked, and streamed as network inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from detquant.algorithms import LearnsFromLabels, build_steps
from detquant.calibration import Feed
from detquant.data import Dataset, Skip, open_dataset, read_image
from detquant.errors import DatasetError
from detquant.families import Family
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import ahead
from detquant.recipes import Recipe


def as_dataset(data: str | os.PathLike[str] | Dataset, seed: int) -> Dataset:
    """The data set that is meant: one that was opened already, or what a path names.

    Args:
        data: a data set, or its path.
        seed: chooses the calibration images where a path is opened.

    Raises:
        DatasetError: the path cannot be used; or the data set was opened already, and a seed is given.
    """
    if not isinstance(data, Dataset):
        return open_dataset(data, seed)
    if seed:
        raise DatasetError(
            f"{data.name} was opened already, so seed would change nothing: say it to detquant.open_dataset, or give "
            f"the path."
        )
    return data


def choose_images(dataset: Dataset, count: int, skipped: list[Skip]) -> list[Path]:
    """The first ``count`` readable calibration images (the data set has shuffled them by its seed).

    Args:
        dataset: gives the images.
        count: how many are wanted; fewer where there are no more.
        skipped: what cannot be read is added here.

    Raises:
        DatasetError: there are none, or not one can be read.
    """
    if dataset.uncalibrated:
        raise DatasetError(dataset.uncalibrated)
    chosen = _readable(dataset.calibration, count, skipped)
    if not chosen:
        why = f": {skipped[0].reason}." if skipped else "."
        raise DatasetError(f"None of the {len(dataset.calibration)} calibration images can be read{why}")
    return chosen


def more_images(dataset: Dataset, chosen: Sequence[Path], count: int) -> list[Path]:
    """The images that calibrate and others behind them, so many in all, none of which is measured on.

    Args:
        dataset: gives the images.
        chosen: those that calibrate.
        count: how many are wanted; fewer where there are no more.
    """
    known, measured = set(chosen), {os.path.realpath(path) for path in dataset.validation}
    others = (p for p in dataset.calibration if p not in known and os.path.realpath(p) not in measured)
    return [*chosen, *_readable(others, max(count - len(chosen), 0), [])]


def _readable(paths: Iterable[Path], count: int, skipped: list[Skip]) -> list[Path]:
    """The first images that can be read; those that cannot are added to what is skipped."""
    chosen: list[Path] = []
    for path in paths:
        if len(chosen) == count:
            break
        try:
            read_image(path)
        except DatasetError as error:
            skipped.append(Skip(path, str(error).rstrip(".")))
        else:
            chosen.append(path)
    return chosen


def require_calibration(dataset: Dataset, recipe: Recipe) -> None:
    """Fails before the work where a recipe wants calibration images and there are none.

    Raises:
        DatasetError: that is so.
    """
    if dataset.uncalibrated and recipe.calibrates:
        raise DatasetError(dataset.uncalibrated)


def require_labels(detector: Detector, dataset: Dataset, recipe: Recipe) -> None:
    """Fails before the work where a step asks for labels that nothing can be learnt from, or that nobody knows.

    Args:
        detector: the float model.
        dataset: with the model's class numbers.
        recipe: the wish.

    Raises:
        RecipeError: no loss is known for the model.
        CalibrationError: the labels of no calibration image are known.
        DatasetError: what tells them cannot be read.
    """
    for step in build_steps(recipe):
        if isinstance(step, LearnsFromLabels):
            step.require_labels(detector.family, detector.model, dataset)


def at_places(family: Family, paths: Sequence[Path], which: Sequence[int]) -> Iterator[Feed]:
    """Network inputs of the images at these places among ``paths``."""
    return stream(family, [paths[place] for place in which])


def stream(family: Family, paths: Iterable[Path]) -> Iterator[Feed]:
    """Network inputs, one image at a time, made a little ahead by a second thread."""
    return ahead(family.feeds(family.preprocess(read_image(path))[0]) for path in paths)
