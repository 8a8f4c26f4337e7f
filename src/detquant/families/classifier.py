"""Image classifiers, seen as detectors of one cell whose box is the image.

So what serves detectors serves them: `scores` is one row of probabilities, `decode` gives the five likeliest classes,
best first, each with the part of the image that the network saw as its box.

Resize, crop and normalisation stand in no graph. They are taken from the metadata (`detquant.preprocess`), else
assumed, and the reason given for the family says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from detquant.families._base import Detections, Family
from detquant.families.class_names import written_names
from detquant.families.geometry import Geometry
from detquant.families.preprocessing import Preprocessing, written_preprocessing
from detquant.families.signature import Outputs, Signature, is_dynamic
from detquant.numerics.arrays import Floats

KEY = "detquant.preprocess"
TOP = 5
WITH_BACKGROUND = 1001
"""Outputs of TensorFlow's ImageNet models: class 0 is background, and every class of ImageNet is one further on."""
SMALL_SIDE = 64  # of CIFAR's kind: the images are as small as the input, and nothing is cut off them
KNOWN_COUNTS = (1000, WITH_BACKGROUND, 21841, 21843)
"""Outputs of classifiers of ImageNet and ImageNet-21k."""
SMALL_COUNTS = (10, 100)
"""Outputs of classifiers of CIFAR-10 and CIFAR-100, where the input is small too."""


class Classifier(Family):
    """A classifier: one vector of scores, [1, classes] or [1, classes, 1, 1], as logits or probabilities."""

    name = "classifier"
    task = "classify"
    takes = ()
    nms_iou = 1.0
    max_detections = TOP
    input_key = KEY
    form: Preprocessing
    skipped: ClassVar[Mapping[int, int]] = {WITH_BACKGROUND: 1}

    def read_facts(self, signature: Signature) -> None:
        """The preprocessing that the metadata tells or that is assumed."""
        self.form = written_preprocessing(_told(signature)[0])

    @classmethod
    def matches(cls, signature: Signature) -> str | None:
        """A sentence saying why the model is a classifier and how it is fed, or None if it is none.

        Any network may give one vector: something besides its shape must tell that these are scores of classes.
        """
        reason = super().matches(signature)
        return f"{reason} {_told(signature)[1]}" if reason and _is_told(signature) else None

    @classmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family, in words."""
        return "one output [1, classes] or [1, classes, 1, 1]"

    @classmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shape tells, or None if it is no classifier's."""
        count = _count_outputs(signature)
        return None if count is None else count - cls.skipped.get(count, 0)

    def facts(self) -> dict[str, str]:
        """The preprocessing, so that a file made from this model needs no assumption."""
        return {KEY: self.form.to_json()}

    def confident_detections(self, found: Detections) -> Detections:
        """The likeliest class alone, whatever its score."""
        return found.select(np.arange(min(1, len(found))))

    def scores(self, outputs: Outputs) -> Floats:
        """Probabilities [1, classes]; logits go through a softmax."""
        [output] = outputs.values()
        values = np.asarray(output, np.float32).reshape(1, -1)
        known = values[:, self.skipped.get(values.shape[1], 0) :]
        # An 8-bit softmax over many classes sums to 1 only roughly.
        is_probability = values.min() >= 0 and values.max() <= 1 and abs(float(values.sum()) - 1) < 0.3
        return known if is_probability else _softmax(known)

    def boxes(self, outputs: Outputs) -> Floats:
        """The whole input, [1, 4]."""
        return np.array([[0, 0, self.width, self.height]], np.float32)

    def decode(
        self,
        outputs: Outputs,
        geometry: Geometry,
        confidence: float = 0.0,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Detections:
        """The likeliest classes, best first; of equal ones the first.

        Args:
            outputs: raw output arrays by name, of one image.
            geometry: from `preprocess` of that image.
            confidence: least probability.
            iou: not used: there is one box.
            max_detections: how many classes; None for five.
        """
        [scores] = self.scores(outputs)
        best = np.argsort(-scores, kind="stable")[: max_detections or self.max_detections]
        best = best[scores[best] >= confidence]
        box = geometry.to_image(self.boxes(outputs))
        return Detections(np.repeat(box, len(best), axis=0), scores[best], best)


def _is_told(signature: Signature) -> bool:
    """Whether the user, the file, the graph or a well-known number of classes say that it is a classifier."""
    metadata, [(output, _)] = signature.metadata, signature.outputs.items()
    if KEY in metadata or metadata.get("task") == "classify" or metadata.get("detquant.family") == Classifier.name:
        return True
    count, (_, height, width) = _count_outputs(signature), signature.image_input()
    named = written_names(metadata)
    small = count in SMALL_COUNTS and max(height, width) <= SMALL_SIDE
    softmax = signature.ends.get(output) in ("Softmax", "LogSoftmax")
    return small or softmax or count in KNOWN_COUNTS or (named is not None and len(named) == count)


def _count_outputs(signature: Signature) -> int | None:
    """How many scores the one output has; None where it is no vector of them."""
    if len(signature.outputs) != 1:
        return None
    [shape] = signature.outputs.values()
    vector = len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))
    if not vector or is_dynamic(shape) or shape[0] != 1 or int(shape[1] or 0) < 2:
        return None
    return int(shape[1] or 0)


def _told(signature: Signature) -> tuple[str, str]:
    """The preprocessing, and a sentence on where it is from."""
    if written := signature.metadata.get(KEY):
        shown = written if not written.startswith("{") else "as its metadata says"
        return written, f"Preprocessing: {shown}."
    count, (_, height, width) = _count_outputs(signature), signature.image_input()
    if signature.metadata.get("task") == "classify":
        name, why = "unit", "as Ultralytics has it"
    elif count == WITH_BACKGROUND:
        name, why = "tensorflow", f"since {count} scores are TensorFlow's"
    elif max(height, width) <= SMALL_SIDE:
        name, why = "imagenet-uncropped", "since the input is small"
    else:
        name, why = "imagenet", "the usual one"
    return name, f"The file does not tell its preprocessing: '{name}' is assumed, {why}; --preprocess chooses."


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
