"""Opening an annotation file: its content, and what its place tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detquant.errors import DatasetError
from detquant.untrusted import parse_json, read_text

LARGEST = 1 << 29
"""Most bytes of an annotation file; COCO's largest, of 118 thousand images, has 470 MB."""

_LISTS = ("images", "annotations", "categories")


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


def above(path: Path) -> Path:
    """The folder of the annotation file's folder, also where one stands in the latter."""
    return path.parent.parent if path.parent.name not in ("", "..") else path.absolute().parent.parent


def split_name(path: Path) -> str:
    """The split of a file: val2017 for instances_val2017.json."""
    return path.stem.removeprefix("instances_")
