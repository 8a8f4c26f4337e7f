"""Boxes held against the images that they are of: what their four numbers mean, and in pixels of which size.

The format has boxes as x y width height, in pixels of the image. People write x1 y1 x2 y2, centres, or parts of the
image, and make images smaller after they were labelled. Over a whole file these look different: read as what they are,
boxes lie inside their images, and read as anything else most stick out or are inside out. So the file's own form is
taken unless many boxes stick out so, and another one only if it is the only one in which all fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.errors import DatasetError

Array = npt.NDArray[np.float64]

USUAL = "x y width height"
FORMS: dict[str, Callable[[Array], Array]] = {
    USUAL: lambda box: np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1),
    "x1 y1 x2 y2": lambda box: box,
    "cx cy width height": lambda box: np.concatenate([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], 1),
}
"""Functions from four numbers [n, 4] to left, top, right, bottom [n, 4], by the form of a box."""

# Annotators draw a little over the edge.
_TOLERANCE = 0.01
_MOST_FIT, _ALL_FIT = 0.9, 0.99
_FEWEST_OUTSIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Boxes of one file as they are told.

    Attributes:
        told: four numbers each [n, 4].
        outlined: whether each is the extent of an outline, which is x y width height for certain [n].
        told_size: width and height that the file tells of the image of each [n, 2].
        size: width and height of the image itself [n, 2].
    """

    told: Array
    outlined: npt.NDArray[np.bool_]
    told_size: Array
    size: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the numbers of a file's boxes are to be read.

    Attributes:
        form: key of `FORMS`.
        in_parts: whether they are parts of the image, from 0 to 1.
        sizes_wrong: whether they are in pixels of the image itself, although the file tells another size.
        outside: how many stick out of their images.
    """

    form: str
    in_parts: bool
    sizes_wrong: bool
    outside: int

    @property
    def usual(self) -> bool:
        """Whether boxes are as the format says: left, top, width and height in pixels."""
        return self.form == USUAL and not self.in_parts


def read_boxes(boxes: Boxes, name: str) -> Reading:
    """Finds out what the boxes mean.

    Args:
        boxes: boxes of the images that are there.
        name: name of the file, for the message.

    Raises:
        DatasetError: they are parts of the image, in no form or in more than one.
    """
    if not len(boxes.told):
        return Reading(form=USUAL, in_parts=False, sizes_wrong=False, outside=0)
    if _are_parts(boxes):
        return _parts(boxes, name)
    differs = (boxes.told_size != boxes.size).any(1)
    found: dict[str, tuple[npt.NDArray[np.bool_], bool]] = {}
    for form in FORMS:
        inside, inside_file = (_inside(form, boxes, size) for size in (boxes.told_size, boxes.size))
        other = differs.any() and inside_file[differs].mean() >= max(_ALL_FIT, inside[differs].mean() + _TOLERANCE)
        found[form] = (inside_file, True) if other else (inside, False)
    inside, sizes_wrong = found[USUAL]
    form = USUAL
    if inside.mean() < _MOST_FIT and (~inside).sum() >= _FEWEST_OUTSIDE:
        fits = [one for one, (within, _) in found.items() if within.mean() >= _ALL_FIT]
        if len(fits) == 1:
            form = fits[0]
            inside, sizes_wrong = found[form]
    return Reading(form=form, in_parts=False, sizes_wrong=sizes_wrong, outside=int((~inside).sum()))


def in_pixels(boxes: Boxes, reading: Reading) -> Array:
    """Left, top, width and height of the boxes in pixels of the images themselves [n, 4]."""
    xywh = boxes.told
    if reading.form != USUAL:
        corners = FORMS[reading.form](boxes.told)
        read = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
        xywh = np.where(boxes.outlined[:, None], boxes.told, read)
    scale = np.ones_like(boxes.size)
    if reading.in_parts:
        scale = boxes.size
    elif not reading.sizes_wrong:
        scale = boxes.size / boxes.told_size
    return np.asarray(xywh * np.concatenate([scale, scale], 1), np.float64)


def same_shape(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether one size is the other made larger or smaller, but for a pixel of rounding; height and width of each."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _are_parts(boxes: Boxes) -> bool:
    numbers = boxes.told
    return bool((np.abs(numbers) <= 1 + _TOLERANCE).all() and (numbers % 1 > 0).any() and (boxes.size > 2).all())


def _parts(boxes: Boxes, name: str) -> Reading:
    inside = {form: _inside(form, boxes, np.ones_like(boxes.size)) for form in FORMS}
    fits = [form for form, within in inside.items() if within.mean() >= _ALL_FIT]
    if USUAL in fits:
        fits = [USUAL]
    if len(fits) != 1:
        raise DatasetError(
            f"{name}: every 'bbox' is between 0 and 1, and read as {', '.join(fits or FORMS)} "
            f"{'all' if fits else 'not all'} of them lie inside their images: x y width height in pixels was expected."
        )
    return Reading(form=fits[0], in_parts=True, sizes_wrong=False, outside=int((~inside[fits[0]]).sum()))


def _inside(form: str, boxes: Boxes, size: Array) -> npt.NDArray[np.bool_]:
    """Which boxes, read in a form, are boxes inside images of these sizes [n]."""
    corners = np.where(boxes.outlined[:, None], FORMS[USUAL](boxes.told), FORMS[form](boxes.told))
    beyond = _TOLERANCE * size + (size > 2)
    within = (corners[:, :2] >= -beyond) & (corners[:, 2:] <= size + beyond) & (corners[:, 2:] > corners[:, :2])
    return np.asarray(within.all(1))
