"""Whether a data set can tell what a model of some task is worth, and the data set with the model's class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from detquant.data._base import Dataset, make_categories
from detquant.data.pairing import Pairing, has_names, pair_classes, some
from detquant.errors import DatasetError

NUMBERS = "The labels are numbers, and are taken for those of the model's classes, counted from 0."
NO_BOXES = "Class labels do not tell where objects are, so they are not used."


def images_alone(dataset: Dataset) -> Dataset:
    """The data set without what is known of its images, so that models are compared with each other on them."""
    return replace(
        dataset,
        classes=None,
        ground_truth=None,
        labels=None,
        calibration_labels={},
        calibration_objects=None,
        fitted=None,
    )


def fit_task(dataset: Dataset, task: str, classes: Sequence[str], *, supposed: bool = False) -> Dataset:
    """The data set as a model of this task can use it.

    Args:
        dataset: any; one that has been fitted to these classes already comes back as it is.
        task: "detect" or "classify".
        classes: the model's, by class_id.
        supposed: whether nobody told these names, see `pair_classes`.

    Returns:
        The same; without its labels for a detector; else with its classes numbered as the model's, without objects
        and images of classes that the model does not have, and with a note on how they were paired.

    Raises:
        DatasetError: a classifier was given boxes, or the classes are not the model's.
    """
    if dataset.fitted == tuple(classes):
        return dataset
    if task == "detect":
        if dataset.labels is not None:
            return replace(dataset, labels=None, calibration_labels={}, classes=None, notes=(*dataset.notes, NO_BOXES))
        return _numbered(dataset, classes, supposed) if dataset.ground_truth is not None else dataset
    if dataset.ground_truth is not None:
        raise DatasetError(
            f"The model is a classifier, and {dataset.name} tells boxes: give a folder of class folders, a .csv of "
            f"labels, or a folder of images."
        )
    return _numbered(dataset, classes, supposed) if dataset.labels is not None else dataset


def renumbered(dataset: Dataset, pairing: Pairing, classes: Sequence[str]) -> Dataset:
    """The data set with a model's numbers for its classes.

    Args:
        dataset: with objects or labels, and with classes.
        pairing: pairing of its classes with the model's.
        classes: the model's. Where places decided, the data set's names are kept for them.
    """
    theirs = dataset.classes or ()
    names = list(classes)
    if not pairing.by_name and has_names(theirs):
        for number, name in zip(pairing.numbers, theirs, strict=True):
            if number is not None:
                names[number] = name
    changed = {"classes": tuple(names), "fitted": tuple(classes)}
    if dataset.ground_truth is not None:
        return _with_objects(dataset, pairing, **changed)
    return _with_labels(dataset, pairing, **changed)


def _numbered(dataset: Dataset, classes: Sequence[str], supposed: bool) -> Dataset:
    """The data set with the model's class numbers, and with sentences on how they were found."""
    if dataset.classes is None:
        return _checked(dataset, classes)
    pairing = pair_classes(dataset.name, dataset.classes, classes, _used(dataset), supposed=supposed)
    warnings = (*dataset.warnings, *filter(None, [pairing.warning]))
    fitted = renumbered(replace(dataset, warnings=warnings), pairing, classes)
    return replace(fitted, notes=(*dataset.notes, pairing.note, *_measured_classes(fitted, len(classes))))


def _measured_classes(dataset: Dataset, count: int) -> list[str]:
    """A sentence on how many classes the AP is over, where not over all."""
    measured = len(_used(dataset)) if dataset.ground_truth is not None else 0
    return [f"AP is the mean over the {measured} of {count} classes that have objects."] if 0 < measured < count else []


def _used(dataset: Dataset) -> set[int]:
    if dataset.ground_truth is not None:
        return {one["category_id"] for one in dataset.ground_truth["annotations"]}
    return set(dataset.labels or ())


def _with_objects(dataset: Dataset, pairing: Pairing, classes: tuple[str, ...], fitted: tuple[str, ...]) -> Dataset:
    truth, calibration = dataset.ground_truth or {}, dataset.calibration_objects
    kept, lost = [], []
    for one in truth["annotations"]:
        number = pairing.numbers[one["category_id"]]
        kept.append({**one, "category_id": number}) if number is not None else lost.append(one["category_id"])
    return replace(
        dataset,
        classes=classes,
        fitted=fitted,
        ground_truth={**truth, "annotations": kept, "categories": make_categories(classes)},
        calibration_objects=calibration and calibration.with_numbers(pairing.numbers),
        warnings=(*dataset.warnings, *_left_out(dataset, "objects", lost)),
    )


def _with_labels(dataset: Dataset, pairing: Pairing, classes: tuple[str, ...], fitted: tuple[str, ...]) -> Dataset:
    pairs = list(zip(dataset.validation, dataset.labels or (), strict=True))
    numbers = [(path, pairing.numbers[label]) for path, label in pairs]
    kept = [(path, number) for path, number in numbers if number is not None]
    lost = [label for _, label in pairs if pairing.numbers[label] is None]
    calibration = {path: pairing.numbers[label] for path, label in dataset.calibration_labels.items()}
    return replace(
        dataset,
        classes=classes,
        fitted=fitted,
        validation=tuple(path for path, _ in kept),
        labels=tuple(number for _, number in kept),
        calibration_labels={path: number for path, number in calibration.items() if number is not None},
        warnings=(*dataset.warnings, *_left_out(dataset, "images", lost)),
    )


def _left_out(dataset: Dataset, what: str, lost: Sequence[int]) -> list[str]:
    """Sentences on objects or images left out because their classes have no number; none if there are none."""
    if not lost:
        return []
    names = [(dataset.classes or ())[number] for number in sorted(set(lost))]
    return [
        f"{len(lost)} {what} of {len(names)} classes of {dataset.name} that the model does not have ({some(names)}) "
        f"are left out."
    ]


def _checked(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """A data set that numbers its labels and names no classes: the numbers are the model's, if it has them."""
    labels = (*(dataset.labels or ()), *dataset.calibration_labels.values())
    if labels and max(labels) >= len(classes):
        raise DatasetError(
            f"{dataset.name} has a class {max(labels)}, the model has {len(classes)} classes, counted from 0: give the "
            f"data set that the model was trained for."
        )
    return replace(dataset, fitted=tuple(classes), notes=(*dataset.notes, NUMBERS)) if labels else dataset
