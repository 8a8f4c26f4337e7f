"""Scenes as data sets: made when read, without a file.

Data sets name images by path, so a scene has one too: `scenes:<seed>/<split>/<index>.png`, and so has each of its
objects: `crops:<seed>/<split>/<index>-<number>.png`. Nothing is ever there; whoever reads images makes them instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from detquant.data._base import Dataset, make_annotation, make_categories
from detquant.data.objects import CalibrationObjects, Known, Objects
from detquant.data.scenes.crops import crop
from detquant.data.scenes.layout import CLASSES, SIZE, layout
from detquant.data.scenes.scene import scene
from detquant.data.scenes.streams import SPLITS, Split
from detquant.errors import DatasetError

_ROOT, _CROPS_ROOT = "scenes:", "crops:"
_FORM = re.compile(
    rf"(?:(?P<root>{_ROOT})|{_CROPS_ROOT})(?P<seed>[0-9]{{1,9}})/(?P<split>{'|'.join(SPLITS)})/(?P<index>[0-9]{{6,9}})"
    r"(?(root)|-(?P<number>[0-9]{1,3}))\.png"
)
_NOTES = ("The images are made while they are read; there are no files.",)


def open_scenes(seed: int = 0, *, calibration: int = 500, validation: int = 300) -> Dataset:
    """Opens the embedded data set of scenes.

    The pictures are always those of seed 0, so that figures can be compared.

    Args:
        seed: seed of the order of the calibration images.
        calibration: number of images to find ranges with.
        validation: number of images to measure on.
    """
    return Dataset(
        name="scenes",
        classes=CLASSES,
        calibration=_shuffled([scene_path("calibration", index) for index in range(calibration)], seed),
        validation=tuple(scene_path("validation", index) for index in range(validation)),
        ground_truth=ground_truth("validation", validation),
        calibration_objects=CalibrationObjects(read=_objects_in, where="the scenes"),
        notes=_NOTES,
    )


def open_crops(seed: int = 0, *, calibration: int = 100, validation: int = 150) -> Dataset:
    """The embedded data set for classifiers: the objects of the scenes, one at a time.

    The pictures are always those of seed 0, so that figures can be compared.

    Args:
        seed: seed of the order of the calibration images.
        calibration: number of scenes whose objects are there to find ranges with.
        validation: number of scenes whose objects are measured on.
    """
    found, known = _objects("calibration", calibration), _objects("validation", validation)
    return Dataset(
        name="crops",
        classes=CLASSES,
        calibration=_shuffled([path for path, _ in found], seed),
        validation=tuple(path for path, _ in known),
        ground_truth=None,
        labels=tuple(class_id for _, class_id in known),
        calibration_labels=dict(found),
        notes=_NOTES,
    )


def _objects_in(scenes: Sequence[Path]) -> Known:
    """The objects of scenes; other images are not known."""
    found = {path: _FORM.fullmatch(path.as_posix()) for path in scenes}
    known = dict[Path, Objects]()
    for path, parts in found.items():
        if parts is not None and parts["root"] == _ROOT:
            told = _objects_of(cast(Split, parts["split"]), int(parts["index"]), int(parts["seed"]))
            known[path] = Objects.of([box for box, _ in told], [class_id for _, class_id in told])
    return known


def _objects(split: Split, scenes: int) -> list[tuple[Path, int]]:
    """The path and class of each object of the first scenes of a split."""
    return [
        (Path(f"{_CROPS_ROOT}0", split, f"{index:06d}-{number}.png"), class_id)
        for index in range(scenes)
        for number, (_, class_id) in enumerate(_objects_of(split, index, 0))
    ]


def _shuffled(paths: list[Path], seed: int) -> tuple[Path, ...]:
    return tuple(paths[place] for place in np.random.default_rng(seed).permutation(len(paths)).tolist())


def ground_truth(split: Split, images: int, seed: int = 0) -> dict[str, Any]:
    """The truth of the first images of a split.

    Args:
        split: one of `SPLITS`.
        images: how many.
        seed: seed of the pictures.

    Returns:
        COCO-format dict; image ids are counted from 1, `category_id` is the index into `CLASSES`.
    """
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(images):
        name = scene_path(split, index, seed).name
        entries.append({"id": index + 1, "file_name": name, "height": SIZE, "width": SIZE})
        for (left, top, right, bottom), class_id in _objects_of(split, index, seed):
            xywh = (left, top, right - left, bottom - top)
            annotations.append(make_annotation(len(annotations) + 1, index + 1, class_id, xywh))
    return {"images": entries, "annotations": annotations, "categories": make_categories(CLASSES)}


@lru_cache(maxsize=2048)
def _objects_of(split: Split, index: int, seed: int) -> tuple[tuple[tuple[float, float, float, float], int], ...]:
    """Box (left, top, right, bottom, px) and class of each object of a scene; opening again throws none anew."""
    plan = layout(split, index, seed)
    boxes = (tuple(box) for box in plan.boxes.tolist())
    return tuple(zip(boxes, plan.class_id.tolist(), strict=True))


def scene_path(split: Split, index: int, seed: int = 0) -> Path:
    """The name of a scene among paths."""
    return Path(f"{_ROOT}{seed}", split, f"{index:06d}.png")


def is_scene(path: Path) -> bool:
    """Whether a path names a scene, or an object of one, and no file."""
    return path.parts[:1] != () and path.parts[0].startswith((_ROOT, _CROPS_ROOT))


def read_scene(path: Path) -> npt.NDArray[np.uint8]:
    """Makes the picture that a path of `open_scenes` or `open_crops` names.

    Args:
        path: for which `is_scene` holds.

    Returns:
        uint8 [height, width, 3], BGR.

    Raises:
        DatasetError: the path is not of that form.
    """
    found = _FORM.fullmatch(path.as_posix())
    if found is None:
        raise DatasetError(f"{path} names no scene: {scene_path(SPLITS[0], 0)} would be one.")
    split, index, seed = cast(Split, found["split"]), int(found["index"]), int(found["seed"])
    if found["root"] == _ROOT:
        return scene(split, index, seed).image
    return crop(split, index, int(found["number"]), seed)
