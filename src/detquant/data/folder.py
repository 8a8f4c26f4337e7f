"""Images without labels: a folder of them, or one."""

from __future__ import annotations

import os
import random
from pathlib import Path

from detquant.data._base import Dataset
from detquant.data.images import find_images, no_images, unread
from detquant.errors import DatasetError


def open_folder(path: Path, seed: int = 0) -> Dataset:
    """Takes all images of a folder, or one image, for calibration and for comparing models.

    Args:
        path: path of the folder (searched to its depths) or the image.
        seed: seed of the order of the calibration images.

    Raises:
        DatasetError: there is no image.
    """
    images = find_images(path) if os.path.isdir(path) else [path]
    if not images:
        recipes = sorted(path.glob("*.yaml")) + sorted(path.glob("*.yml"))
        hint = f"Did you mean {recipes[0]}?" if recipes else "Give a folder of .jpg or .png files."
        raise DatasetError(f"No image in {path}: {no_images(path)}. {hint}")
    return Dataset(
        name=path.name or str(path),
        classes=None,
        calibration=shuffled(images, seed),
        validation=tuple(images),
        ground_truth=None,
        overlap=len(images),
        notes=(
            "No labels: models can be compared with each other, but their accuracy is not known.",
            "The same images serve for calibration and for comparison.",
            *unread([path]),
        ),
    )


def shuffled(images: list[Path], seed: int) -> tuple[Path, ...]:
    """The images in an order that depends on their order and the seed only."""
    order = list(images)
    random.Random(seed).shuffle(order)
    return tuple(order)
