"""What a data set is: images to calibrate with, images to measure on, and what was left out and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from detquant.data.objects import CalibrationObjects
from detquant.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Skip:
    """A file that was left out.

    Attributes:
        path: path of the image.
        reason: a sentence without its full stop.
    """

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images, their objects if known, and an account of everything left out.

    Attributes:
        name: name of the file or folder it was read from.
        classes: class names by class_id; None where only images are known.
        calibration: images to find ranges with, in an order of which any first part is a fair sample.
        validation: images to measure on.
        ground_truth: COCO-format dict; its "images" are `validation` in the same order, `category_id` is
            the index into `classes`. None where the objects are not known.
        labels: class of each validation image as a whole; None where it is not known.
        calibration_labels: class of calibration images as a whole, as far as it is known.
        calibration_objects: reads the objects of calibration images; None where nothing tells them.
        skipped: files named by the data set that cannot be used.
        overlap: number of images that are in both splits.
        notes: sentences on what was chosen, found or mended.
        warnings: sentences on what the figures may be wrong for.
        fitted: the class names of the model whose numbers are used; None before `fit_task`.
        uncalibrated: why there are no calibration images, in a sentence, which only who wants them needs to hear;
            None where there are.

    Examples:
        >>> import detquant
        >>> scenes = detquant.open_dataset("scenes")
        >>> scenes.classes[:3], len(scenes.calibration), len(scenes.validation)
        (('disc', 'ring', 'crescent'), 500, 300)
    """

    name: str
    classes: tuple[str, ...] | None
    calibration: tuple[Path, ...]
    validation: tuple[Path, ...]
    ground_truth: dict[str, Any] | None
    labels: tuple[int, ...] | None = None
    calibration_labels: Mapping[Path, int] = field(default_factory=dict)
    calibration_objects: CalibrationObjects | None = None
    skipped: tuple[Skip, ...] = ()
    overlap: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fitted: tuple[str, ...] | None = None
    uncalibrated: str | None = None

    def __post_init__(self) -> None:
        if self.ground_truth is not None and len(self.ground_truth["images"]) != len(self.validation):
            raise ValueError("ground_truth['images'] must be the validation images, in the same order.")
        if self.labels is not None and len(self.labels) != len(self.validation):
            raise ValueError("labels must be those of the validation images, in the same order.")

    @cached_property
    def image_ids(self) -> dict[Path, int]:
        """The id of each validation image: that of the ground truth, else its place counted from 1."""
        if self.ground_truth is None:
            return {path: place for place, path in enumerate(self.validation, start=1)}
        images = self.ground_truth["images"]
        return {path: image["id"] for path, image in zip(self.validation, images, strict=True)}


def check_classes(dataset: Dataset, count: int) -> None:
    """Refuses a data set whose number of classes is not the model's.

    Args:
        dataset: to check; one without classes fits every model.
        count: classes of the model.

    Raises:
        DatasetError: the numbers differ.
    """
    if dataset.classes is not None and len(dataset.classes) != count:
        raise DatasetError(
            f"{dataset.name} has {len(dataset.classes)} classes, the model has {count}: give the data set "
            "that the model was trained for."
        )


def count_overlap(one: Iterable[Path], other: Iterable[Path]) -> int:
    """How many images are in both of two lists, links followed."""
    return len({os.path.realpath(path) for path in one} & {os.path.realpath(path) for path in other})


def make_categories(classes: Iterable[str]) -> list[dict[str, Any]]:
    """COCO categories with ids 0, 1, ..."""
    return [{"id": index, "name": name} for index, name in enumerate(classes)]


def make_annotation(
    number: int, image_id: int, category_id: int, xywh: tuple[float, float, float, float]
) -> dict[str, Any]:
    """A COCO annotation of a box; xywh in pixels.

    Numbers start from 1: evaluators take 0 to mean "no match".
    """
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(xywh),
        "area": xywh[2] * xywh[3],
        "iscrowd": 0,
    }
