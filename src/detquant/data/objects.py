"""The objects of calibration images, read when somebody asks for them: few recipes do, and there may be many images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from detquant.numerics.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The labelled objects of one image; crowds are not among them, since they are no one object.

    Attributes:
        xyxy: float32 [n, 4], left, top, right, bottom in pixels.
        class_id: int64 [n], index into the classes.
    """

    xyxy: Floats
    class_id: Ints

    @classmethod
    def of(cls, xyxy: Sequence[Sequence[float]], class_id: Sequence[int]) -> Objects:
        """Objects from plain numbers."""
        return cls(np.array(xyxy, np.float32).reshape(-1, 4), np.array(class_id, np.int64))

    def with_numbers(self, numbers: Sequence[int | None]) -> Objects:
        """The same with other class numbers; objects of classes without one are left out."""
        new = [numbers[class_id] for class_id in self.class_id]
        kept = [place for place, number in enumerate(new) if number is not None]
        return Objects(self.xyxy[kept], np.array([new[place] for place in kept], np.int64))


Known = Mapping[Path, Objects]
"""The objects of images, as far as they are known: an image without objects has none, one not labelled is missing."""
Read = Callable[[Sequence[Path]], Known]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationObjects:
    """What is known of the objects of calibration images; nothing is read before it is asked for, and that once.

    Attributes:
        read: reads the objects of images.
        where: where they are told, a phrase for messages.
        numbers: the model's class for each of the data set's, None for one that it does not have; None to leave them.
    """

    read: Read
    where: str
    numbers: tuple[int | None, ...] | None = None
    _found: dict[Path, Objects | None] = field(default_factory=dict, repr=False)

    def of(self, paths: Sequence[Path]) -> list[Objects | None]:
        """The objects of each image; None where nobody has labelled it.

        Args:
            paths: paths of the images.

        Raises:
            DatasetError: what tells them cannot be read, or its classes are not the data set's.
        """
        new = [path for path in dict.fromkeys(paths) if path not in self._found]
        if new:
            self._found.update({**dict.fromkeys(new), **self.read(new)})
        found = [self._found[path] for path in paths]
        return found if self.numbers is None else [one and one.with_numbers(self.numbers) for one in found]

    def with_numbers(self, numbers: tuple[int | None, ...]) -> CalibrationObjects:
        """The same with the model's numbers for classes; objects of classes that it does not have are left out."""
        return replace(self, numbers=numbers)


def objects_in(paths: Sequence[Path], truth: Mapping[str, Any]) -> Known:
    """The objects that a COCO-format dict tells.

    Args:
        paths: of its images, in its order.
        truth: the dict, `category_id` being the index into the classes.
    """
    found: dict[int, tuple[list[list[float]], list[int]]] = {image["id"]: ([], []) for image in truth["images"]}
    for one in truth["annotations"]:
        if not one.get("iscrowd"):
            left, top, width, height = one["bbox"]
            boxes, classes = found[one["image_id"]]
            boxes.append([left, top, left + width, top + height])
            classes.append(one["category_id"])
    return {path: Objects.of(*found[image["id"]]) for path, image in zip(paths, truth["images"], strict=True)}
