"""Images sorted into a folder for each class, as torchvision and Ultralytics keep them.

Two forms are known: `<split>/<class>/<image>` with splits to calibrate with and to measure on, and `<class>/<image>`
alone, whose images then serve for both. Classes are numbered in the order of their names; where all of these are
numbers, they are the classes' numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from detquant.data._base import Dataset, count_overlap
from detquant.data.folder import shuffled
from detquant.data.images import SUFFIXES, find_images
from detquant.errors import DatasetError

CALIBRATION = ("calib", "calibration", "train", "training")
VALIDATION = ("val", "valid", "validation", "test")
_NUMBER = re.compile("[0-9]{1,9}")
_SPLIT_STARTS = ("train", "val", "test", "calib", "images")


def has_class_folders(path: Path) -> bool:
    """Whether a folder is of one of the two forms; no image is read."""
    return validation_folder(path) is not None


def validation_folder(path: Path) -> Path | None:
    """The folder whose subfolders are the classes to measure on, or None."""
    for name in VALIDATION:
        if len(_class_names(path / name)) > 1:
            return path / name
    names = _class_names(path)
    plain = len(names) > 1 and not any(name.lower().startswith(_SPLIT_STARTS) for name in names)
    return path if plain and not _has_image(path) else None


def open_class_folders(path: Path, seed: int = 0) -> Dataset:
    """Reads a folder for which `has_class_folders` holds.

    Args:
        path: path of the folder.
        seed: seed of the order of the calibration images.

    Raises:
        DatasetError: there is no class folder.
    """
    place = validation_folder(path)
    if place is None:
        raise DatasetError(f"{path} has no folders of classes: expected <class>/<image> or val/<class>/<image> in it.")
    classes = _class_names(place)
    numbers = _numbers(classes)
    labelled = _labelled(place, classes, numbers)
    images = tuple(image for image, _ in labelled)
    folder = calibration_folder(path) if place != path else None
    calibration = find_images(folder) if folder else list(images)
    source = f"{folder.name}/" if folder else "the images that are measured on"
    return Dataset(
        name=path.name or str(path),
        classes=classes if numbers == tuple(range(len(classes))) else None,
        calibration=shuffled(calibration, seed),
        validation=images,
        ground_truth=None,
        labels=tuple(number for _, number in labelled),
        calibration_labels=dict(_labelled(folder, classes, numbers) if folder else labelled),
        overlap=count_overlap(calibration, images),
        notes=(f"Measured on {place.name}/, calibrated on {source}.",),
    )


def _labelled(folder: Path, classes: Iterable[str], numbers: Iterable[int]) -> list[tuple[Path, int]]:
    """The images in a folder's class folders, as far as it has them, and the numbers of their classes."""
    pairs = zip(classes, numbers, strict=True)
    return [
        (image, number) for name, number in pairs if name in _entries(folder) for image in find_images(folder / name)
    ]


def calibration_folder(path: Path) -> Path | None:
    """The first folder beside the validation images that is named for calibration or training and holds images."""
    return next((path / name for name in CALIBRATION if os.path.isdir(path / name) and find_images(path / name)), None)


def _class_names(folder: Path) -> tuple[str, ...]:
    """Names of the subfolders that hold images, sorted; by number, where all are numbers."""
    names = sorted(name for name in _entries(folder) if os.path.isdir(folder / name) and _has_image(folder / name))
    return tuple(sorted(names, key=int) if all(map(_NUMBER.fullmatch, names)) else names)


def _numbers(classes: tuple[str, ...]) -> tuple[int, ...]:
    """The number of each class: its place, unless all are called by numbers that are counted from 0 with holes."""
    places = tuple(range(len(classes)))
    if not all(map(_NUMBER.fullmatch, classes)):
        return places
    numbers = tuple(map(int, classes))
    return places if numbers == tuple(range(1, len(classes) + 1)) else numbers


def _has_image(folder: Path) -> bool:
    return any(Path(name).suffix.lower() in SUFFIXES for name in _entries(folder))


def _entries(folder: Path) -> list[str]:
    """Names of the entries of a folder; none where it is no folder, or closed to us."""
    try:
        return os.listdir(folder)
    except OSError:
        return []
