"""Objects found in images, one image after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detquant.data import Skip, iter_images, open_dataset
from detquant.data.class_folders import validation_folder
from detquant.errors import OutputError
from detquant.families import CONFIDENCE, Detections, Family
from detquant.pipeline.decode_file import threshold_of
from detquant.pipeline.detector import Detector, as_detector
from detquant.pipeline.finite import require_finite
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.options import PredictOptions
from detquant.targets import Runner, read_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The objects that were found in one image.

    Attributes:
        path: path of the image.
        image: pixels of the image, uint8 [height, width, 3], BGR.
        detections: best first.
        classes: class names, by class_id.
    """

    path: Path
    image: npt.NDArray[np.uint8]
    detections: Detections
    classes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The class of each detection."""
        return [self.classes[one] for one in self.detections.class_id]


@Keywords(PredictOptions)
def predict(
    model: str | os.PathLike[str] | Detector,
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    options: PredictOptions,
) -> Iterator[Prediction]:
    """Detects the objects in images, one image after the other.

    Args:
        model: a detector, float or quantised, or the path of its file.
        images: an image file, a folder of them, or several of these.
        options: see `PredictOptions`.

    Returns:
        A prediction for each image that can be read, made when it is asked for.

    Raises:
        ModelError, TargetError: the file cannot be read, or the runtime refuses it.
        DatasetError: none can be read, or a folder has none.
        OptionError: a number is out of its bounds.

    Examples:
        >>> import detquant
        >>> photo = detquant.open_dataset("scenes").validation[0]
        >>> [found] = detquant.predict("yolov8-pico", photo)
        >>> found.names, found.detections.xyxy.shape
        (['disc', 'cross', 'square'], (3, 4))
    """
    detector = as_detector(model, options)
    several = [images] if isinstance(images, (str, os.PathLike)) else images
    skipped = [] if options.skipped is None else options.skipped
    paths, opening = image_paths([Path(one) for one in several]), detector.opening(options.threads, options.target)
    confidence, _ = threshold_for(detector, options.confidence)
    return predictions(detector.family, opening.runner, paths, skipped, confidence)


def threshold_for(detector: Detector, given: float | None) -> tuple[float, list[str]]:
    """The threshold at which a model looks: the user's, else the one that was found for it; and what to say of that.

    Raises:
        ModelError: the file's own is none.
    """
    if given is not None or detector.family.task != "detect":
        return CONFIDENCE if given is None else given, []
    confidence, said = threshold_of(detector)
    return confidence, [said] if said else []


def predictions(
    family: Family, runner: Runner, paths: Sequence[Path], skipped: list[Skip], confidence: float
) -> Iterator[Prediction]:
    """What an open model finds.

    Args:
        family: family of the model.
        runner: the open model.
        paths: paths of image files.
        skipped: a Skip is appended for each image that cannot be read.
        confidence: objects score more than this.

    Raises:
        DatasetError: none can be read.
        ModelError: the model's outputs are NaN or infinite, or not what they are read as.
    """
    reader = read_by(runner, family)
    for path, image in iter_images(paths, skipped):
        tensor, geometry = family.preprocess(image)
        outputs = runner.run(family.feeds(tensor))
        require_finite(outputs, path)
        reader.require_meant(outputs)
        found = reader.decode(outputs, geometry, confidence)
        yield Prediction(path=path, image=image, detections=found, classes=family.classes)


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
