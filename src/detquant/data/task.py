"""Whether a data set can tell what a model of some task is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from detquant.data._base import Dataset, check_classes
from detquant.errors import DatasetError

NO_BOXES = "Class labels do not tell where objects are, so they are not used."


def fit_task(dataset: Dataset, task: str, classes: Sequence[str]) -> Dataset:
    """The data set as a model of this task can use it.

    Args:
        dataset: any.
        task: "detect" or "classify".
        classes: the model's, by class_id.

    Returns:
        The same; without its labels for a detector; with its classes numbered as the model's where both have the
        same names.

    Raises:
        DatasetError: a classifier was given boxes, or the classes are not the model's.
    """
    if task == "detect":
        if dataset.labels is not None:
            return replace(dataset, labels=None, classes=None, notes=(*dataset.notes, NO_BOXES))
        check_classes(dataset, len(classes))
        return dataset
    if dataset.ground_truth is not None:
        raise DatasetError(
            f"The model is a classifier, and {dataset.name} tells boxes: give a folder of class folders, a .csv of "
            f"labels, or a folder of images."
        )
    return _labels_of(dataset, classes)


def _labels_of(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The same with the model's numbers for its classes."""
    labels, names = dataset.labels, dataset.classes
    if labels is None:
        return dataset
    if names is not None and set(names) <= set(classes):
        number = {name: place for place, name in enumerate(classes)}
        return replace(dataset, labels=tuple(number[names[label]] for label in labels), classes=tuple(classes))
    check_classes(dataset, len(classes))
    if max(labels) >= len(classes):
        raise DatasetError(
            f"{dataset.name} has a class {max(labels)}, the model has {len(classes)} classes, counted from 0: give the "
            f"data set that the model was trained for."
        )
    return dataset
