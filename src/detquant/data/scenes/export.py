"""Writing scenes as files, in the forms of Ultralytics and of COCO at once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from detquant.data.scenes.embedded import ground_truth
from detquant.data.scenes.layout import CLASSES, SIZE
from detquant.data.scenes.scene import Scene, scene
from detquant.data.scenes.streams import Split
from detquant.errors import DatasetError, OutputError
from detquant.progress import Progress

_DIGITS = 7  # of a label: a ten-thousandth of a pixel


def export_scenes(
    folder: str | os.PathLike[str],
    images: int = 500,
    seed: int = 0,
    *,
    validation: int = 200,
    progress: Progress | None = None,
) -> Path:
    """Writes a data set: PNG images, `data.yaml` with labels, and COCO annotations.

        data.yaml
        images/train/000000.png                 images/val/...
        labels/train/000000.txt                 labels/val/...
        annotations/instances_train.json        annotations/instances_val.json

    The folder appears when all is written; a run that is broken off leaves nothing under its name.

    Args:
        folder: to make; an empty one is taken.
        images: number of images of the train split.
        seed: seed of the pictures.
        validation: images of the val split.
        progress: called with (what, done, total).

    Returns:
        The path of `data.yaml`.

    Raises:
        DatasetError: the folder is not empty, or a split would be.
        OutputError: it cannot be written.
    """
    final = Path(folder).absolute()
    final = final.resolve() if final.is_symlink() else final
    splits = (_Split("train", "train", images), _Split("val", "validation", validation))
    if min(images, validation) < 1:
        raise DatasetError(f"{images} train and {validation} validation images were asked for: 1 is the least of each.")
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise DatasetError(f"{final} is there already and not an empty folder: name a new one, or remove it.")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        # In a folder beside it, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(prefix=f".{final.name}.", suffix=".partial", dir=final.parent) as beside:
            made = Path(beside) / final.name
            _write(made, splits, seed, progress)
            if final.exists():
                final.rmdir()
            made.rename(final)
    except OSError as error:
        raise OutputError(f"{final} cannot be written: {error.strerror or error}.") from error
    return final / "data.yaml"


@dataclass(frozen=True, slots=True)
class _Split:
    """A split under the name it has in the folder."""

    name: str
    source: Split
    images: int


def _write(root: Path, splits: Iterable[_Split], seed: int, progress: Progress | None) -> None:
    splits = tuple(splits)
    done, total = 0, sum(split.images for split in splits)
    (root / "annotations").mkdir(parents=True)
    for split in splits:
        pictures, labels = root / "images" / split.name, root / "labels" / split.name
        pictures.mkdir(parents=True)
        labels.mkdir(parents=True)
        truth = ground_truth(split.source, split.images, seed)
        (root / "annotations" / f"instances_{split.name}.json").write_text(json.dumps(truth), encoding="utf-8")
        for index, entry in enumerate(truth["images"]):
            one = scene(split.source, index, seed)
            (pictures / entry["file_name"]).write_bytes(_png(one.image))
            (labels / entry["file_name"]).with_suffix(".txt").write_text(_labels(one), encoding="utf-8")
            done += 1
            if progress:
                progress("writing scenes", done, total)
    content = {"train": "images/train", "val": "images/val", "names": dict(enumerate(CLASSES))}
    (root / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _labels(one: Scene) -> str:
    """Lines "class cx cy w h", in parts of the image."""
    low, high = one.boxes[:, :2].astype(np.float64), one.boxes[:, 2:].astype(np.float64)
    rows = np.concatenate([low + (high - low) / 2, high - low], 1) / SIZE
    lines = zip(one.class_id.tolist(), rows.tolist(), strict=True)
    return "".join(" ".join([str(c), *(f"{value:.{_DIGITS}g}" for value in row)]) + "\n" for c, row in lines)
