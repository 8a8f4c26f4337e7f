"""Data sets: images to calibrate with and to measure on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from detquant.data._base import Dataset, Skip, check_classes
from detquant.data.class_folders import has_class_folders, open_class_folders
from detquant.data.coco import open_coco
from detquant.data.folder import open_folder
from detquant.data.images import SUFFIXES, fingerprint, image_size, iter_images, read_image
from detquant.data.label_table import open_label_table
from detquant.data.scenes import export_scenes, open_crops, open_scenes
from detquant.data.task import fit_task, images_alone
from detquant.data.yolo import open_yolo
from detquant.errors import DatasetError

__all__ = [
    "EMBEDDED",
    "READERS",
    "Dataset",
    "Skip",
    "check_classes",
    "export_scenes",
    "fingerprint",
    "fit_task",
    "image_size",
    "images_alone",
    "iter_images",
    "open_coco",
    "open_crops",
    "open_dataset",
    "open_scenes",
    "read_image",
]

EMBEDDED: dict[str, Callable[[int], Dataset]] = {"scenes": open_scenes, "crops": open_crops}
"""Data sets that ship with detquant, by name."""

READERS: dict[str, Callable[[Path, int], Dataset]] = {
    ".yaml": open_yolo,
    ".yml": open_yolo,
    ".json": open_coco,
    ".csv": open_label_table,
    **dict.fromkeys(sorted(SUFFIXES), open_folder),
}


def open_dataset(path: str | os.PathLike[str], seed: int = 0) -> Dataset:
    """Opens a data set, choosing the reader by what the path is.

    Args:
        path: an Ultralytics data.yaml, a COCO annotation .json, a .csv of class labels, a folder of images (in
            folders for each class, perhaps), one image, or the name of an embedded data set where nothing else has
            that name.
        seed: seed of the order of the calibration images.

    Raises:
        DatasetError: the path is none of these, or what it names cannot be used.

    Examples:
        >>> import detquant
        >>> scenes = detquant.open_dataset("scenes", seed=1)
        >>> scenes.name, len(scenes.validation)
        ('scenes', 300)
    """
    path = Path(path)
    kinds = f"a data.yaml, a COCO .json, a .csv of labels, a folder of images, an image, or: {', '.join(EMBEDDED)}"
    if not os.path.exists(path):  # also of names that no file can have
        if str(path) in EMBEDDED:
            return EMBEDDED[str(path)](seed)
        raise DatasetError(f"{path} does not exist: give {kinds}.")
    if os.path.isdir(path):
        return open_class_folders(path, seed) if has_class_folders(path) else open_folder(path, seed)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        what = f"is a '{path.suffix}' file" if path.suffix else "has no suffix that would tell what it is"
        raise DatasetError(f"{path} {what}: give {kinds}.")
    return reader(path, seed)
