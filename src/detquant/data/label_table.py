"""Class labels as a table: a .csv whose header names a column of files and one of classes.

The images are looked for beside the table, in `images/`, and in the folder that the table is named after
(`calib_labels.csv`: `calib/`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from detquant.data._base import Dataset, Skip, count_overlap
from detquant.data.class_folders import calibration_folder
from detquant.data.folder import shuffled
from detquant.data.images import find_images
from detquant.data.places import find_named
from detquant.errors import DatasetError
from detquant.untrusted import is_file, one_line, read_text

FILE_COLUMNS = ("filename", "file_name", "file", "image", "path")
CLASS_COLUMNS = ("class_index", "class_id", "label", "class")

SEPARATORS = (",", ";", "\t")

LARGEST = 1 << 28
"""Most bytes of a table; ImageNet's 1.3 million images take 50 MB."""

_DIGITS = 7


def open_label_table(path: Path, seed: int = 0) -> Dataset:
    """Reads a table of image files and their classes, given as numbers from 0 or as names.

    Images to calibrate with come from a folder `calib`, `calibration` or `train` beside the table; without one, the
    images that are measured on serve for both.

    Args:
        path: path of the .csv file.
        seed: seed of the order of the calibration images.

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
        calibration_labels={} if folder else dict(found),
        skipped=tuple(skipped),
        overlap=count_overlap(calibration, images),
        notes=(f"Calibrated on {source}.",),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        lines = io.StringIO(read_text(path, LARGEST), newline="")
        header = next(csv.reader(lines), [])
        separator = max(SEPARATORS, key=",".join(header).count)  # spreadsheets of some countries write semicolons
        lines.seek(0)
        rows = [
            {key: value or "" for key, value in row.items() if key}
            for row in csv.DictReader(lines, delimiter=separator)
        ]
    except (OSError, ValueError, csv.Error) as error:
        why = one_line(getattr(error, "strerror", None) or str(error), 160)
        raise DatasetError(f"{path} cannot be read as a table: {why}.") from error
    if not rows:
        raise DatasetError(f"{path} has no rows: expected a header, then a line for each image.")
    return rows


def _column(row: Mapping[str, str], names: Sequence[str], path: Path) -> str:
    known = {key.strip().lower(): key for key in row}
    for name in names:
        if name in known:
            return known[name]
    columns = ", ".join(one_line(name, 30) for name in list(row)[:10])
    raise DatasetError(f"{path} has the columns {columns}, but none of: {', '.join(names)}.")


def _numbered(labels: Sequence[str], path: Path) -> tuple[tuple[str, ...] | None, list[int]]:
    """Class names, where the labels are names, and the labels as numbers."""
    if "" in labels:
        raise DatasetError(f"{path} has no class in line {labels.index('') + 2}.")
    if all(label.isdecimal() for label in labels):
        for line, label in enumerate(labels, start=2):
            if len(label) > _DIGITS:
                raise DatasetError(f"{path} has the class {one_line(label, 30)} in line {line}: no model has so many.")
        return None, [int(label) for label in labels]
    names = tuple(sorted(set(labels)))
    number = {name: place for place, name in enumerate(names)}
    return names, [number[label] for label in labels]


def _find(table: Path, name: str) -> Path | None:
    places = (table.parent, table.parent / "images", table.parent / table.stem.removesuffix("_labels"))
    found = find_named(name, places, is_file) if name else None
    return found.path if found else None
