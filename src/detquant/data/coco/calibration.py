"""The train split that stands where an annotation file does: its images, and the file that tells their objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from detquant.data.coco.annotations import read_annotations
from detquant.data.coco.reading import above, load_coco, split_name
from detquant.data.images import find_images
from detquant.data.objects import CalibrationObjects, Known, objects_in
from detquant.data.pairing import pair_classes
from detquant.data.places import with_slashes
from detquant.untrusted import is_file

_SPLITS = ("val", "valid", "validation", "test")
_TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Split:
    """Images to calibrate with.

    Attributes:
        images: their paths.
        note: where they are from, a sentence.
        objects: what tells their objects; None where nothing does.
    """

    images: list[Path]
    note: str
    objects: CalibrationObjects | None


def calibration_split(path: Path, classes: tuple[str, ...]) -> Split | None:
    """The train split beside an annotation file; None where there is none.

    Args:
        path: path of the file.
        classes: its class names, by class_id.
    """
    split = split_name(path)
    root, own = above(path), path.absolute().parent.name
    beside: list[tuple[Path, str, Path]] = []
    if "val" in split:
        train = split.replace("val", _TRAIN)
        told = path.with_name(path.name.replace(split, train))
        beside = [(root / "images" / train, split, told), (root / train, split, told)]
    if own in _SPLITS:  # as Roboflow exports
        beside.append((root / _TRAIN, own, root / _TRAIN / path.name))
    for folder, name, told in beside:
        if os.path.isdir(folder) and (images := find_images(folder)):
            objects = annotated(told, folder, classes) if is_file(told) else None
            return Split(images, f"Calibration images are those of {folder.name}, beside {name}.", objects)
    return None


def annotated(path: Path, folder: Path, classes: tuple[str, ...]) -> CalibrationObjects:
    """What an annotation file tells of the images of a folder; the file is read when somebody asks.

    Args:
        path: path of the file.
        folder: folder of the images.
        classes: class names of the data set, by class_id.
    """
    return CalibrationObjects(read=partial(read_objects, path, folder, classes), where=str(path))


def read_objects(path: Path, folder: Path, classes: tuple[str, ...], images: Sequence[Path]) -> Known:
    """The objects of some images of a folder, with the data set's class numbers.

    Args:
        path: path of the annotation file.
        folder: folder of the images.
        classes: class names of the data set, by class_id.
        images: the images.

    Raises:
        DatasetError: the file cannot be read, or its classes are not these.
    """
    content, wanted = load_coco(path), {image.name for image in images}
    names = {str(entry.get("file_name")) for entry in content["images"] if isinstance(entry, dict)}
    listed = {name for name in names if with_slashes(name).rsplit("/", 1)[-1] in wanted}
    if not listed:
        return {}
    found = read_annotations(content, path, folder, listed.__contains__)
    truth, asked = found.ground_truth, set(images)
    theirs = [category["name"] for category in truth["categories"]]
    numbers = pair_classes(path.name, theirs, classes, {one["category_id"] for one in truth["annotations"]}).numbers
    known = objects_in(found.paths, truth)
    return {image: one.with_numbers(numbers) for image, one in known.items() if image in asked}
