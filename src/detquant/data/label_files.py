"""The objects of calibration images that label files tell; see `detquant.data.labels` for their form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from detquant.data.coco.calibration import read_objects
from detquant.data.images import header_size
from detquant.data.labels import label_path, read_labels
from detquant.data.objects import CalibrationObjects, Known, Objects
from detquant.errors import DatasetError
from detquant.untrusted import is_file


def label_files(classes: tuple[str, ...], points: int) -> CalibrationObjects:
    """What the label files beside images tell; they are read when somebody asks.

    Args:
        classes: class names, by class_id.
        points: how many numbers of key points stand behind each box.
    """
    return CalibrationObjects(read=partial(_read, classes, points), where="label files in labels/ beside images/")


def _read(classes: tuple[str, ...], points: int, images: Sequence[Path]) -> Known:
    """The objects of images with a label file; where none has one, those of the COCO file beside `images/`.

    An image without such a file may be one that nobody has labelled, so its objects count as not known.

    Raises:
        DatasetError: a label file is faulty: training would go on without a part of the labels, and nobody would know.
    """
    found = {image: label_path(image) for image in images}
    labelled = {image: labels for image, labels in found.items() if is_file(labels)}
    if not labelled:
        return _from_json(classes, images)
    read = {image: _objects(image, labels, len(classes), points) for image, labels in labelled.items()}
    return {image: one for image, one in read.items() if one is not None}


def _objects(image: Path, labels: Path, count: int, points: int) -> Objects | None:
    """The objects of one image; None where the image cannot be read, which is said where it is left out."""
    try:
        told = read_labels(labels, count, points)
    except ValueError as error:
        raise DatasetError(f"The labels of {image} cannot be used: {error}.") from error
    try:
        height, width = header_size(image)
    except DatasetError:
        return None
    boxes = [(left * width, top * height, right * width, bottom * height) for _, left, top, right, bottom in told]
    return Objects.of(boxes, [class_id for class_id, *_ in told])


def _from_json(classes: tuple[str, ...], images: Sequence[Path]) -> Known:
    folders, found = dict[Path, list[Path]](), dict[Path, Objects]()
    for image in images:
        folders.setdefault(image.parent, []).append(image)
    for folder, inside in folders.items():
        told = folder.parent.parent / "annotations" / f"instances_{folder.name}.json"
        if folder.parent.name == "images" and is_file(told):
            found |= read_objects(told, folder, classes, inside)
    return found
