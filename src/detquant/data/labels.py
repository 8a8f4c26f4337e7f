"""YOLO label files: one object a line, in parts of the image."""

from __future__ import annotations

import math
from pathlib import Path

from detquant.untrusted import read_text, shown

# Labels are written with few digits, so a box that touches the border may stick out a little.
TOLERANCE = 0.01
LARGEST = 1 << 24
"""Most bytes of a label file; a hundred thousand objects fit."""

Box = tuple[int, float, float, float, float]


def label_path(image: Path) -> Path:
    """Where the labels of an image are: `labels` in place of the last folder `images`, suffix .txt."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def read_labels(path: Path, count: int, key_points: int = 0) -> list[Box]:
    """Reads one label file; lines are "class cx cy w h" or "class x1 y1 x2 y2 x3 y3 ..." (a polygon).

    Args:
        path: path of the file; an empty one says that there is no object.
        count: number of classes.
        key_points: how many numbers of key points stand behind each box; polygons are then not expected.

    Returns:
        Class, and left, top, right, bottom from 0 to 1, without repeated lines.

    Raises:
        ValueError: what is wrong, with the line; not an error of the whole data set.
    """
    try:
        lines = read_text(path, LARGEST).splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    boxes: dict[Box, None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            boxes[_parse(line, count, key_points)] = None
        except ValueError as error:
            raise ValueError(f"{path.name} line {number}: {error}") from error
    return list(boxes)


def _parse(line: str, count: int, key_points: int) -> Box:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        raise ValueError(f"{shown(line.strip())} is not all numbers") from None
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{shown(line.strip())} has a number that is not finite")
    class_id, where = values[0], values[1:]
    if key_points:
        if len(where) not in (4, 4 + key_points):
            raise ValueError(
                f"{len(values)} numbers, but {5 + key_points} (class cx cy w h, then the key points of kpt_shape) were "
                f"expected"
            )
        where = where[:4]
    if len(where) != 4 and (len(where) < 6 or len(where) % 2):
        raise ValueError(f"{len(values)} numbers, but 5 (class cx cy w h) or a polygon were expected")
    if class_id != int(class_id) or not 0 <= class_id < count:
        raise ValueError(f"class {values[0]:g}, but the classes are 0 to {count - 1}")
    if min(where) < -TOLERANCE or max(where) > 1 + TOLERANCE:
        raise ValueError("a coordinate is outside 0 to 1: they are parts of the image's width and height")
    if len(where) == 4:
        cx, cy, w, h = where
        box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    else:
        box = (min(where[::2]), min(where[1::2]), max(where[::2]), max(where[1::2]))
    left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in box)
    if right <= left or bottom <= top:
        raise ValueError("the box has no area")
    return int(class_id), left, top, right, bottom
