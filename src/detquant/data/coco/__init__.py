"""COCO annotation files: boxes in JSON, images in a folder nearby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detquant.data._base import Dataset, count_overlap
from detquant.data.coco.annotations import Annotated, read_annotations
from detquant.data.coco.calibration import Split, calibration_split
from detquant.data.coco.reading import LARGEST, above, load_coco, split_name
from detquant.data.folder import shuffled
from detquant.data.objects import CalibrationObjects, Known, objects_in
from detquant.data.places import find_named
from detquant.errors import DatasetError
from detquant.untrusted import is_file, one_line

__all__ = ["LARGEST", "Annotated", "load_coco", "open_coco", "read_annotations"]

_HOW_MANY_TO_TRY = 20


def open_coco(path: Path, seed: int = 0, images: Path | None = None) -> Dataset:
    """Reads a COCO annotation file such as `annotations/instances_val2017.json`.

    The images are looked for in the folder that the file's name tells (`images/val2017` or `val2017`) and in
    those beside the file. If the same place has a train split, that serves for calibration; otherwise the
    validation images do.

    Args:
        path: path of the JSON file.
        seed: seed of the order of the calibration images.
        images: their folder, if it is elsewhere.

    Raises:
        DatasetError: the file is not such a file, or its images are not there.
    """
    content = load_coco(path)
    found = read_annotations(content, path, images or _image_folder(content, path))
    classes = tuple(category["name"] for category in found.ground_truth["categories"])
    train = calibration_split(path, classes) or _itself(found)
    return Dataset(
        name=path.name,
        classes=classes,
        calibration=shuffled(train.images, seed),
        validation=found.paths,
        ground_truth=found.ground_truth,
        skipped=found.skipped,
        calibration_objects=train.objects,
        overlap=count_overlap(train.images, found.paths),
        notes=(*found.notes, train.note),
        warnings=found.warnings,
    )


def _itself(found: Annotated) -> Split:
    """The images of the file, to calibrate with, too."""
    note = "No train split beside the annotations: the validation images serve for calibration too."
    read = partial(_told, found)
    return Split(list(found.paths), note, CalibrationObjects(read=read, where="the annotations"))


def _told(found: Annotated, images: Sequence[Path]) -> Known:
    wanted = set(images)
    return {path: one for path, one in objects_in(found.paths, found.ground_truth).items() if path in wanted}


def _image_folder(content: Mapping[str, Any], path: Path) -> Path:
    """The folder near the annotation file that holds its images."""
    split = split_name(path)
    root = above(path)
    tried = [
        root / "images" / split,
        root / split,
        path.parent / split,
        path.parent / "images" / split,
        path.parent,
        path.parent / "images",
        root / "images",
        root,
    ]
    entries = [entry for entry in content["images"][:_HOW_MANY_TO_TRY] if isinstance(entry, dict)]
    names = [name for entry in entries if isinstance(name := entry.get("file_name"), str)]
    if not names:  # there is nothing to look for, and whoever reads the entries says why
        return path.parent
    for any_parts in (False, True):
        for folder in tried:
            if any(find_named(name, [folder], is_file, any_parts=any_parts) for name in names):
                return folder
    looked = ", ".join(dict.fromkeys(str(folder) for folder in tried))
    raise DatasetError(f"The images of {path} (such as {one_line(names[0], 100)}) were not found in any of: {looked}.")
