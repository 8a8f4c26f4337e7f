"""Scenes as a data set: made when read, without a file.

Data sets name images by path, so a scene has one too: `scenes:<seed>/<split>/<index>.png`. Nothing is ever
there; whoever reads images makes the scene instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.data._base import Dataset, make_annotation, make_categories
from detquant.data.scenes.layout import CLASSES, SIZE, layout
from detquant.data.scenes.scene import scene
from detquant.data.scenes.streams import SPLITS, Split
from detquant.errors import DatasetError

_ROOT = "scenes:"


def open_scenes(seed: int = 0, *, calibration: int = 500, validation: int = 300) -> Dataset:
    """The embedded data set.

    The pictures are always those of seed 0, so that figures can be compared.

    Args:
        seed: of the order of the calibration images.
        calibration: number of images to find ranges with.
        validation: number of images to measure on.
    """
    paths = [scene_path("calibration", index) for index in range(calibration)]
    order = np.random.default_rng(seed).permutation(calibration)
    return Dataset(
        name="scenes",
        classes=CLASSES,
        calibration=tuple(paths[place] for place in order.tolist()),
        validation=tuple(scene_path("validation", index) for index in range(validation)),
        ground_truth=ground_truth("validation", validation),
        notes=("The images are made while they are read; there are no files.",),
    )


def ground_truth(split: Split, images: int, seed: int = 0) -> dict[str, Any]:
    """The truth of the first images of a split.

    Args:
        split: one of `SPLITS`.
        images: how many.
        seed: of the pictures.

    Returns:
        COCO-format dict; image ids are counted from 1, `category_id` is the index into `CLASSES`.
    """
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(images):
        name = scene_path(split, index, seed).name
        entries.append({"id": index + 1, "file_name": name, "height": SIZE, "width": SIZE})
        plan = layout(split, index, seed)
        for (left, top, right, bottom), class_id in zip(plan.boxes.tolist(), plan.class_id.tolist(), strict=True):
            xywh = (left, top, right - left, bottom - top)
            annotations.append(make_annotation(len(annotations) + 1, index + 1, class_id, xywh))
    return {"images": entries, "annotations": annotations, "categories": make_categories(CLASSES)}


def scene_path(split: Split, index: int, seed: int = 0) -> Path:
    """The name of a scene among paths."""
    return Path(f"{_ROOT}{seed}", split, f"{index:06d}.png")


def is_scene(path: Path) -> bool:
    """Whether a path names a scene and no file."""
    return path.parts[:1] != () and path.parts[0].startswith(_ROOT)


def read_scene(path: Path) -> npt.NDArray[np.uint8]:
    """Makes the picture that a path of `scene_path` names.

    Args:
        path: for which `is_scene` holds.

    Returns:
        uint8 [SIZE, SIZE, 3], BGR.

    Raises:
        DatasetError: the path is not of that form.
    """
    for split in SPLITS:
        seed, index = path.parts[0].removeprefix(_ROOT), path.stem
        if seed.isdecimal() and index.isdecimal() and path == scene_path(split, int(index), int(seed)):
            return scene(split, int(index), int(seed)).image
    raise DatasetError(f"{path} names no scene: {scene_path(SPLITS[0], 0)} would be one.")
