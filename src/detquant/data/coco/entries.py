"""The entries of an annotation file, each checked field by field.

People write ids as numbers, words or numbers in quotes, sizes as 0, boxes empty beside an outline: what has one meaning
is taken for that, and everything else is refused with the entry and the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from detquant.data.coco.outlines import extent
from detquant.data.image_headers import Size
from detquant.errors import DatasetError
from detquant.untrusted import printable, shown

Id = int | str
Box = tuple[float, float, float, float]

MOST_PIXELS_A_SIDE = 10**7


@dataclass(frozen=True, slots=True)
class Category:
    """A class, and what it belongs to."""

    id: Id
    name: str
    above: str


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image as the file tells it.

    Attributes:
        id: id of the entry.
        name: name of its file, as written.
        size: height and width; None where none is told, or none that can be.
        odd_size: whether a size is told that cannot be.
    """

    id: Id
    name: str
    size: Size | None
    odd_size: bool


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object as the file tells it.

    Attributes:
        image: id of its image.
        category: id of its category.
        box: four numbers in the file's form; of an outline x y width height. None where there is neither.
        outlined: whether the box is the extent of its outline.
        area: the area that the file tells.
        crowd: 1 for a group.
    """

    image: Id
    category: Id
    box: Box | None
    outlined: bool
    area: float | None
    crowd: int


class Entries:
    """Reads entries of one file.

    Args:
        path: path of the file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def category(self, place: int, entry: object) -> Category:
        """A category from `categories[place]`.

        Raises:
            DatasetError: a field is missing or senseless.
        """
        where = f"categories[{place}]"
        fields = self._object(entry, where)
        name = self._field(fields, "name", where)
        if isinstance(name, (dict, list)):
            self._malformed(where, "name", name, "a text")
        above = fields.get("supercategory")
        text = printable(name) if isinstance(name, str) else shown(name)
        return Category(self._id(fields, "id", where), text, above if isinstance(above, str) else "")

    def image(self, place: int, entry: object) -> ListedImage:
        """An image from `images[place]`; raises as `category`."""
        where = f"images[{place}]"
        fields = self._object(entry, where)
        name = self._field(fields, "file_name", where)
        if not isinstance(name, str) or not name.strip():
            self._malformed(where, "file_name", name, "the name of a file")
        sides = (_side(fields.get("height")), _side(fields.get("width")))
        size = (sides[0], sides[1]) if sides[0] and sides[1] else None
        odd = size is None and ("height" in fields or "width" in fields)
        return ListedImage(self._id(fields, "id", where), name, size, odd)

    def annotation(self, place: int, entry: object) -> Annotation:
        """An annotation from `annotations[place]`; raises as `category`."""
        where = f"annotations[{place}]"
        fields = self._object(entry, where)
        box, outlined = self._box(fields, where)
        area, crowd = number(fields.get("area")), fields.get("iscrowd")
        count = number(crowd)
        if crowd is not None and count not in (0, 1):
            self._malformed(where, "iscrowd", crowd, "0 or 1")
        return Annotation(
            image=self._id(fields, "image_id", where),
            category=self._id(fields, "category_id", where),
            box=box,
            outlined=outlined,
            area=area if area is not None and area > 0 and math.isfinite(area) else None,
            crowd=int(count or 0),
        )

    def _box(self, fields: Mapping[str, Any], where: str) -> tuple[Box | None, bool]:
        told, outline = fields.get("bbox"), fields.get("segmentation")
        if "bbox" not in fields and not outline:
            raise DatasetError(f"{self._path}: {where} has no 'bbox'; boxes (instances) are needed.")
        if told:
            if not isinstance(told, (list, tuple)) or len(told) != 4:
                self._malformed(where, "bbox", told, "four numbers")
            numbers = [number(value) for value in told]
            if None in numbers:
                self._malformed(where, "bbox", told, "four numbers")
            x, y, w, h = (value for value in numbers if value is not None)
            if all(map(math.isfinite, (x, y, w, h))) and w > 0 and h > 0:
                return (x, y, w, h), False
        elif told not in (None, [], ""):
            self._malformed(where, "bbox", told, "four numbers")
        found = extent(outline)
        return (found, True) if found and found[2] > 0 and found[3] > 0 else (None, False)

    def _id(self, fields: Mapping[str, Any], key: str, where: str) -> Id:
        value = self._field(fields, key, where)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if not isinstance(value, str):
            self._malformed(where, key, value, "a number or a word")
        plain = value.isascii() and value.isdecimal() and len(value) < 19 and (value == "0" or value[0] != "0")
        return int(value) if plain else value

    def _field(self, fields: Mapping[str, Any], key: str, where: str) -> Any:
        if key not in fields:
            raise DatasetError(f"{self._path} has a malformed entry: {where} has no '{key}'.")
        return fields[key]

    def _object(self, entry: object, where: str) -> Mapping[str, Any]:
        if not isinstance(entry, dict):
            raise DatasetError(
                f"{self._path} has a malformed entry: {where} is {shown(entry)}, not an object with keys."
            )
        return entry

    def _malformed(self, where: str, key: str, value: object, expected: str) -> NoReturn:
        raise DatasetError(
            f"{self._path} has a malformed entry: {where} has '{key}' {shown(value)}, but {expected} was expected."
        )


def number(value: object) -> float | None:
    """A value as a number, also one in quotes; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def _side(value: object) -> int | None:
    side = number(value)
    return int(side) if side is not None and 1 <= side <= MOST_PIXELS_A_SIDE else None
