"""COCO content brought into detquant's form: images that are there, boxes in their pixels, contiguous categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detquant.data._base import Skip, make_annotation, make_categories
from detquant.data.coco.entries import Annotation, Category, Entries, Id
from detquant.data.coco.frames import Array, Boxes, Reading, in_pixels, read_boxes, same_shape
from detquant.data.coco.pictures import Picture, Pictures, find_pictures
from detquant.data.coco.remarks import counted, doubts, of_reading
from detquant.data.coco.turns import upright
from detquant.errors import DatasetError
from detquant.untrusted import shown

_BACKGROUND = frozenset({"background", "__background__", "_background_"})


@dataclass(frozen=True, slots=True)
class Annotated:
    """The annotations of the images that are there, in detquant's form.

    Attributes:
        paths: paths of the images.
        ground_truth: COCO-format dict with those images in that order and contiguous category ids.
        skipped: images that were left out.
        notes: sentences on what was found or mended.
        warnings: sentences on what is in doubt.
    """

    paths: tuple[Path, ...]
    ground_truth: dict[str, Any]
    skipped: tuple[Skip, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def read_annotations(
    content: Mapping[str, Any], path: Path, folder: Path, wanted: Callable[[str], bool] = lambda _: True
) -> Annotated:
    """Brings COCO content into detquant's form.

    Args:
        content: from `load_coco`.
        path: path of the file, for messages.
        folder: folder of the images.
        wanted: which images to take, by the name that the file gives them.

    Raises:
        DatasetError: an entry is malformed, or no image is there.
    """
    entries = Entries(path)
    categories = _categories([entries.category(*one) for one in enumerate(content["categories"])], path)
    listed = [entries.image(*one) for one in enumerate(content["images"])]
    annotations = [entries.annotation(*one) for one in enumerate(content["annotations"])]
    _check_known(annotations, categories, path)
    found = find_pictures([image for image in listed if wanted(image.name)], path, folder)

    known = {image.id for image in listed}
    stray = sum(one.image not in known for one in annotations)
    there = [one for one in annotations if one.image in found.by_id]
    boxed = [one for one in there if one.box is not None]
    boxes = _boxes(boxed, found)
    reading = read_boxes(boxes, str(path))
    lost = _of_other_shape(boxed, found, reading)
    skips = [Skip(one.path, _shape_reason(one, path)) for one in lost.values()]
    pictures = [one for one in dict.fromkeys(found.by_id.values()) if one.number not in lost]
    if not pictures:
        raise DatasetError(f"None of the {len(listed)} images of {path} can be used: {skips[0].reason}.")
    categories, dropped = _without_root(categories, annotations)
    numbers = {one.id: place for place, one in enumerate(categories)}
    name = path.name
    notes = (
        *counted(stray, f"annotations of images that {name} does not list were left out."),
        *counted(len(there) - len(boxed), f"annotations of {name} were left out, as their 'bbox' has no area."),
        *counted(
            sum(one.outlined for one in boxed),
            f"boxes of {name} were taken from 'segmentation', as 'bbox' is empty or missing.",
        ),
        *found.notes,
        *(f"Category {shown(one.name)} of {name} has no annotation and is no class." for one in dropped),
    )
    return Annotated(
        paths=tuple(one.path for one in pictures),
        ground_truth={
            "images": [one.entry() for one in pictures],
            "annotations": _placed(boxed, in_pixels(boxes, reading), found, lost, numbers, reading),
            "categories": make_categories(one.name for one in categories),
        },
        skipped=(*found.skipped, *skips),
        notes=notes,
        warnings=(*of_reading(reading, boxes, found, name), *doubts(reading, len(boxed), name)),
    )


def _categories(listed: Sequence[Category], path: Path) -> list[Category]:
    """The categories in the order of their ids; in that of the file, where ids are words."""
    twice = [one for one, times in Counter(category.id for category in listed).items() if times > 1]
    if twice:
        raise DatasetError(f"{path} uses a category id twice ({shown(twice[0])}): each category needs its own 'id'.")
    if all(isinstance(one.id, int) for one in listed):
        return sorted(listed, key=lambda one: int(one.id))
    return list(listed)


def _check_known(annotations: Sequence[Annotation], categories: Sequence[Category], path: Path) -> None:
    ids = {one.id for one in categories}
    for place, one in enumerate(annotations):
        if one.category not in ids:
            raise DatasetError(
                f"{path}: annotations[{place}] has category {shown(one.category)} ('category_id'), which is not among "
                f"its categories."
            )


def _without_root(
    categories: Sequence[Category], annotations: Sequence[Annotation]
) -> tuple[list[Category], list[Category]]:
    """Categories that are classes, and those that only hold the others together, as Roboflow's first does."""
    used = {one.category for one in annotations}
    above = {one.above for one in categories if one.id in used}
    dropped = [
        one
        for one in categories
        if one.id not in used and (one.name.lower() in _BACKGROUND or (above == {one.name} and len(categories) > 1))
    ]
    return [one for one in categories if one not in dropped], dropped


def _boxes(annotations: Sequence[Annotation], found: Pictures) -> Boxes:
    pictures = [found.by_id[one.image] for one in annotations]
    return Boxes(
        told=np.array([one.box for one in annotations], np.float64).reshape(-1, 4),
        outlined=np.array([one.outlined for one in annotations], np.bool_),
        told_size=np.array([one.told[::-1] for one in pictures], np.float64).reshape(-1, 2),
        size=np.array([one.labelled[::-1] for one in pictures], np.float64).reshape(-1, 2),
    )


def _of_other_shape(annotations: Sequence[Annotation], found: Pictures, reading: Reading) -> dict[int, Picture]:
    """Pictures with objects whose size is not the told one made larger or smaller, so that no box can be placed."""
    if reading.in_parts or reading.sizes_wrong:
        return {}
    pictures = {found.by_id[one.image].number: found.by_id[one.image] for one in annotations}
    return {number: one for number, one in pictures.items() if not same_shape(one.labelled, one.told)}


def _shape_reason(picture: Picture, path: Path) -> str:
    (height, width), (told_height, told_width) = picture.size, picture.told
    return (
        f"it has {width} x {height} pixels and {path.name} says {told_width} x {told_height}, which is another shape, "
        f"so its boxes cannot be placed"
    )


def _placed(
    annotations: Sequence[Annotation],
    boxes: Array,
    found: Pictures,
    lost: Mapping[int, Picture],
    numbers: Mapping[Id, int],
    reading: Reading,
) -> list[dict[str, Any]]:
    """The annotations of the pictures that are kept; those of a picture listed twice without repetitions."""
    listed_twice = len(set(found.by_id.values())) < len(found.by_id)
    seen: set[tuple[object, ...]] = set()
    placed: list[dict[str, Any]] = []
    for one, box in zip(annotations, boxes.tolist(), strict=True):
        picture = found.by_id[one.image]
        placed_box = upright((box[0], box[1], box[2], box[3]), picture.labelled, picture.turn)
        key = (picture.number, one.category, *placed_box)
        if picture.number in lost or (listed_twice and key in seen):
            continue
        seen.add(key)
        annotation = make_annotation(len(placed) + 1, picture.number, numbers[one.category], placed_box)
        if one.area is not None and (reading.usual or one.outlined):
            scale = (
                1.0
                if reading.sizes_wrong
                else (picture.size[0] / picture.told[0]) * (picture.size[1] / picture.told[1])
            )
            annotation["area"] = one.area * scale
        annotation["iscrowd"] = one.crowd
        placed.append(annotation)
    return placed
