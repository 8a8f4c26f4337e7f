"""COCO annotation files: boxes in JSON, images in a folder nearby."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detquant.data._base import Dataset, count_overlap
from detquant.data.coco.annotations import Annotated, read_annotations
from detquant.data.folder import shuffled
from detquant.data.images import find_images
from detquant.data.places import find_named
from detquant.errors import DatasetError
from detquant.untrusted import is_file, one_line, parse_json, read_text

__all__ = ["LARGEST", "Annotated", "load_coco", "open_coco", "read_annotations"]

LARGEST = 1 << 29
"""Most bytes of an annotation file; COCO's largest, of 118 thousand images, has 470 MB."""

_LISTS = ("images", "annotations", "categories")
_HOW_MANY_TO_TRY = 20
_SPLITS = ("val", "valid", "validation", "test")
_TRAIN = "train"


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
    calibration, note = _calibration_split(path)
    if not calibration:
        calibration = list(found.paths)
        note = "No train split beside the annotations: the validation images serve for calibration too."
    return Dataset(
        name=path.name,
        classes=tuple(category["name"] for category in found.ground_truth["categories"]),
        calibration=shuffled(calibration, seed),
        validation=found.paths,
        ground_truth=found.ground_truth,
        skipped=found.skipped,
        overlap=count_overlap(calibration, found.paths),
        notes=(*found.notes, note),
        warnings=found.warnings,
    )


def load_coco(path: Path) -> dict[str, Any]:
    """The content of an annotation file, checked to have images, annotations and categories.

    Raises:
        DatasetError: it cannot be read or has not.
    """
    try:
        text = read_text(path, LARGEST)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    try:
        content = parse_json(text, once=_LISTS)
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(content, dict):
        raise DatasetError(
            f"{path} holds a {type(content).__name__}, perhaps of results; a COCO annotation file with "
            "'images', 'annotations' and 'categories' was expected."
        )
    for key in _LISTS:
        if not isinstance(content.get(key), list):
            raise DatasetError(f"{path} has no list '{key}': a COCO annotation file was expected.")
    for key in ("images", "categories"):
        if not content[key]:
            raise DatasetError(f"{path}: '{key}' is empty.")
    return content


def _image_folder(content: Mapping[str, Any], path: Path) -> Path:
    """The folder near the annotation file that holds its images."""
    split = _split_name(path)
    above = _above(path)
    tried = [
        above / "images" / split,
        above / split,
        path.parent / split,
        path.parent / "images" / split,
        path.parent,
        path.parent / "images",
        above / "images",
        above,
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


def _above(path: Path) -> Path:
    """The folder of the annotation file's folder, also where one stands in the latter."""
    return path.parent.parent if path.parent.name not in ("", "..") else path.absolute().parent.parent


def _split_name(path: Path) -> str:
    """The split of a file: val2017 for instances_val2017.json."""
    return path.stem.removeprefix("instances_")


def _calibration_split(path: Path) -> tuple[list[Path], str]:
    """The images of the train split that stands where this one does, and a note."""
    split = _split_name(path)
    above, own = _above(path), path.absolute().parent.name
    beside = [(above / _TRAIN, own)] if own in _SPLITS else []  # as Roboflow exports
    if "val" in split:
        train = split.replace("val", _TRAIN)
        beside = [(above / "images" / train, split), (above / train, split), *beside]
    for folder, name in beside:
        if os.path.isdir(folder) and (images := find_images(folder)):
            return images, f"Calibration images are those of {folder.name}, beside {name}."
    return [], ""
