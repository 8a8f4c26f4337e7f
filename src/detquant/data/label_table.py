"""Class labels as a table: a .csv whose header names a column of files and one of classes.

The images are looked for beside the table, in `images/`, and in the folder that the table is named after
(`calib_labels.csv`: `calib/`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from detquant.data._base import Dataset, Skip, count_overlap
from detquant.data.class_folders import calibration_folder
from detquant.data.folder import shuffled
from detquant.data.images import find_images
from detquant.errors import DatasetError

FILE_COLUMNS = ("filename", "file_name", "file", "image", "path")
CLASS_COLUMNS = ("class_index", "class_id", "label", "class")


def open_label_table(path: Path, seed: int = 0) -> Dataset:
    """Reads a table of image files and their classes, given as numbers from 0 or as names.

    Images to calibrate with come from a folder `calib`, `calibration` or `train` beside the table; without one, the
    images that are measured on serve for both.

    Args:
        path: of the .csv file.
        seed: of the order of the calibration images.

    Raises:
        DatasetError: the table cannot be read, lacks a column, or none of its images exists.
    """
    rows = _rows(path)
    file, label = (_column(rows[0], names, path) for names in (FILE_COLUMNS, CLASS_COLUMNS))
    classes, numbers = _numbered([row[label].strip() for row in rows], path)
    found: list[tuple[Path, int]] = []
    skipped: list[Skip] = []
    for row, number in zip(rows, numbers, strict=True):
        image = _find(path, row[file].strip())
        if image is None:
            skipped.append(Skip(path.parent / row[file].strip(), f"listed in {path.name}, but there is no such file"))
        else:
            found.append((image, number))
    if not found:
        raise DatasetError(f"None of the {len(rows)} images of {path} exists: {skipped[0].path} would be the first.")
    images = tuple(image for image, _ in found)
    folder = calibration_folder(path.parent)
    calibration = find_images(folder) if folder else list(images)
    source = f"{folder.name}/" if folder else "the images that are measured on"
    return Dataset(
        name=path.name,
        classes=classes,
        calibration=shuffled(calibration, seed),
        validation=images,
        ground_truth=None,
        labels=tuple(number for _, number in found),
        skipped=tuple(skipped),
        overlap=count_overlap(calibration, images),
        notes=(f"Calibrated on {source}.",),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [{key: value or "" for key, value in row.items() if key} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as a table: {error}.") from error
    if not rows:
        raise DatasetError(f"{path} has no rows: expected a header, then a line for each image.")
    return rows


def _column(row: Mapping[str, str], names: Sequence[str], path: Path) -> str:
    known = {key.strip().lower(): key for key in row}
    for name in names:
        if name in known:
            return known[name]
    raise DatasetError(f"{path} has the columns {', '.join(row)}, but none of: {', '.join(names)}.")


def _numbered(labels: Sequence[str], path: Path) -> tuple[tuple[str, ...] | None, list[int]]:
    """Class names, where the labels are names, and the labels as numbers."""
    if "" in labels:
        raise DatasetError(f"{path} has no class in line {labels.index('') + 2}.")
    if all(label.isdecimal() for label in labels):
        return None, [int(label) for label in labels]
    names = tuple(sorted(set(labels)))
    return names, [names.index(label) for label in labels]


def _find(table: Path, name: str) -> Path | None:
    places = (table.parent, table.parent / "images", table.parent / table.stem.removesuffix("_labels"))
    return next((place / name for place in places if name and (place / name).is_file()), None)
