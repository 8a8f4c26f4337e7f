"""Whether a network can learn from labels, which is looked at before the work: its loss is known, and so are they.

A loss is known of classifiers whose graph gives logits or their softmax, and of detectors with a published loss, see
`DETECTORS`. Whatever else a detector learnt from would be a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import onnx_ir as ir

from detquant.algorithms.finetune.readers import OF_CLASSIFIER, OF_DETECTOR, reads
from detquant.calibration import Images
from detquant.data import Dataset
from detquant.data.objects import Objects
from detquant.errors import CalibrationError, RecipeError
from detquant.families import Family
from detquant.graph import find_decode_tail
from detquant.numerics.arrays import Array

DETECTORS = {"yolov8": "YOLOv8's: task-aligned assignment, CIoU, distribution focal loss and binary cross-entropy"}
"""The loss of labels by family, in words."""
OTHER_FAMILY = "this is a detector of the family {}, and a loss is known here of: {}"
OTHER_HEADS = (
    "the graph does not decode its heads as that loss expects: one sigmoid of all class scores and one softmax of all "
    "bins of distances for a detector, logits or one softmax for a classifier"
)
NO_CLASSES = (
    "Step 'finetune': labels = true, and the class of none of the images to learn from is known: give a data set that "
    "tells it (class folders, or a .csv with calibration images), or leave the option out."
)
NO_BOXES = (
    "Step 'finetune': labels = true, and the objects of none of the images to learn from are known{}: give a data set "
    "whose train split is labelled (a data.yaml with label files, COCO annotations of train beside those of val), or "
    "leave the option out."
)
SOME_CLASSES = (
    "its loss takes whatever is not labelled for absent, and the data set labels {} of the model's {} classes: all "
    "others would be unlearnt"
)


def no_loss(why: str) -> str:
    """The sentence that refuses labels, since no loss is known."""
    return (
        f"Step 'finetune': labels = true, and {why}. Leave the option out, and the network learns from what the float "
        f"model says."
    )


def require_labels(images: int, family: Family, model: ir.Model, dataset: Dataset) -> None:
    """Refuses to learn from labels where that will not be possible.

    Args:
        images: how many images are looked at, at most.
        family: the model's.
        model: the float model.
        dataset: with the model's class numbers.

    Raises:
        RecipeError: no loss is known for the model, or the data set lacks some of its classes.
        CalibrationError: the labels of no image to learn from are known.
        DatasetError: what tells them cannot be read.
    """
    tail, classifies = find_decode_tail(model.graph), family.task == "classify"
    kinds = sorted(found[0] for node in tail.nodes if (found := reads(node)))
    if not classifies and family.name not in DETECTORS:
        losses = ", ".join(f"{name} ({loss})" for name, loss in DETECTORS.items())
        raise RecipeError(no_loss(OTHER_FAMILY.format(family.name, losses)))
    plain = classifies and not kinds and len(tail.head_convs) == 1
    if not plain and kinds != (OF_CLASSIFIER if classifies else OF_DETECTOR):
        raise RecipeError(no_loss(OTHER_HEADS))
    paths, told = dataset.calibration[:images], dataset.calibration_objects
    if classifies:
        require_known([dataset.calibration_labels.get(path) for path in paths], classifies=True)
    else:
        require_known(told.of(paths) if told else [], classifies=False, where=told.where if told else "")
        count = len(family.classes) if told is None or told.numbers is None else len({*told.numbers} - {None})
        if count < len(family.classes):
            raise RecipeError(no_loss(SOME_CLASSES.format(count, len(family.classes))))


def require_known(labels: Sequence[int | Objects | None], *, classifies: bool, where: str = "") -> None:
    """Refuses images of which not one is labelled; a detector's, if not one object is.

    Args:
        labels: what is known of each image.
        classifies: whether the model is a classifier.
        where: where it was looked for.

    Raises:
        CalibrationError: that is so.
    """
    if all(label is None or (isinstance(label, Objects) and not len(label.class_id)) for label in labels):
        raise CalibrationError(NO_CLASSES if classifies else NO_BOXES.format(f" (looked for {where})" if where else ""))


def digest_of_labels(images: Images) -> str:
    """A digest of what is known of images."""
    total = hashlib.sha256(repr(images.labels).encode())
    for one in images.objects:
        parts: list[Array] = [] if one is None else [one.xyxy, one.class_id]
        total.update(repr([part.shape for part in parts]).encode() + b"".join(part.tobytes() for part in parts))
    return total.hexdigest()
