"""Objects found in images, one image after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detquant.data import Skip, iter_images, open_dataset
from detquant.data.class_folders import validation_folder
from detquant.errors import OutputError
from detquant.families import Detections
from detquant.pipeline.detector import Detector
from detquant.pipeline.opening import AUTO, Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The objects that were found in one image.

    Attributes:
        path: path of the image.
        image: pixels of the image, uint8 [height, width, 3], BGR.
        detections: best first.
    """

    path: Path
    image: npt.NDArray[np.uint8]
    detections: Detections


def predict(
    detector: Detector,
    images: Sequence[Path],
    skipped: list[Skip],
    *,
    confidence: float = 0.25,
    target: str = AUTO,
    threads: int = 1,
    opening: Opening | None = None,
) -> Iterator[Prediction]:
    """Detects the objects in images.

    Args:
        detector: float or quantised.
        images: image files, or folders of them.
        skipped: a Skip is appended for each image that cannot be read.
        confidence: objects score more than this.
        target: name of the target whose runtime it runs in; "auto" for the one that the file was written for.
        threads: number of threads of the runtime.
        opening: the model, open already, for who wants to know where it runs.

    Yields:
        A prediction for each image that can be read.

    Raises:
        DatasetError: none can be read, or a folder has none.
    """
    family, runner = detector.family, (opening or detector.opening(threads, target)).runner
    paths = image_paths(images)
    for path, image in iter_images(paths, skipped):
        tensor, geometry = family.preprocess(image)
        outputs = runner.run({family.input_name: tensor})
        yield Prediction(path=path, image=image, detections=family.decode(outputs, geometry, confidence))


def image_paths(images: Sequence[Path]) -> list[Path]:
    """The image files that are meant, in order.

    Args:
        images: image files, or folders of them.

    Raises:
        DatasetError: a folder has none.
    """
    return [path for place in images for path in (open_dataset(place).validation if place.is_dir() else (place,))]


def require_apart(images: Sequence[Path], out: Path) -> None:
    """Refuses to draw among the images: the next run would take the drawings for images, and draw on them again.

    Args:
        images: image files, or folders of them, which are searched to their depths. A drawing beside an image that is
            named as a file is read by nobody.
        out: where the drawings go.

    Raises:
        OutputError: a folder of images holds that place, or is it.
    """
    place = out.resolve()
    for folder in filter(Path.is_dir, images):
        read = (validation_folder(folder) or folder).resolve()
        if place.is_relative_to(read):
            where = "is the folder of the images" if place == read else f"is in '{folder}', whose images are read"
            raise OutputError(
                f"'{out}' {where}: the next run would take the drawings for images. Name a folder outside of it by "
                f"--out."
            )
