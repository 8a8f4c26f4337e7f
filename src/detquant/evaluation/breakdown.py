"""Accuracy by class and by size of the object, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detquant.evaluation.average_precision import Weights, average_precision
from detquant.evaluation.matching import ALL, AREAS, Matches
from detquant.evaluation.resampling import FEW, changes_of_classes, changes_of_guesses, ends, mean_of_classes
from detquant.numerics.arrays import Bools, Doubles, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Accuracy on one class, or on objects of one size.

    Attributes:
        kind: "class" or "size".
        name: name of the class; "small", "medium" or "large" as COCO has them.
        objects: how many there are (of a classifier: images).
        before: the float model's measure, per cent; None where it is not defined.
        after: the quantised model's, likewise.
        missed_before: objects without a box of the float model at its threshold (of a classifier: wrong guesses).
        missed_after: likewise of the quantised model at the same threshold.
        low: lower end of the interval of the change (after - before), points; None where it was not resampled, since
            too few images have such an object: drawn again and again, one image is the same every time.
        high: upper end, likewise.
    """

    kind: str
    name: str
    objects: int
    before: float | None
    after: float | None
    missed_before: int
    missed_after: int
    low: float | None = None
    high: float | None = None


def by_class(
    before: Matches, after: Matches, classes: Sequence[str], confidence: float, changes: Doubles
) -> Iterator[Part]:
    """The classes that have an object, in their order.

    Args:
        before: what the float model finds.
        after: what the quantised model finds.
        classes: names by class_id.
        confidence: threshold by which objects are missed.
        changes: the change of each class with each draw of images, [draws, classes], points.
    """
    owners, images = before.truth.class_id[before.asked()], before.truth.image[before.asked()]
    counts = np.bincount(owners, minlength=len(classes))
    precision = [average_precision(one, len(classes))[0] for one in (before, after)]
    missed = [counts - _found(one, confidence, ALL, len(classes)) for one in (before, after)]
    for class_id in np.flatnonzero(counts).tolist():
        low, high = _ends(changes[:, class_id], len(np.unique(images[owners == class_id])))
        yield Part(
            kind="class",
            name=classes[class_id],
            objects=int(counts[class_id]),
            before=float(precision[0][class_id]),
            after=float(precision[1][class_id]),
            missed_before=int(missed[0][class_id]),
            missed_after=int(missed[1][class_id]),
            low=low,
            high=high,
        )


def by_size(before: Matches, after: Matches, classes: int, confidence: float, drawn: Weights) -> Iterator[Part]:
    """Objects of the three sizes of COCO, as far as there are some.

    Args:
        before: what the float model finds.
        after: what the quantised model finds.
        classes: number of classes.
        confidence: threshold by which objects are missed.
        drawn: how often each image is drawn.
    """
    for area, name in enumerate(AREAS):
        objects = int(before.asked(area).sum())
        if area == ALL or not objects:
            continue
        precision = [mean_of_classes(average_precision(one, classes, None, area))[0] for one in (before, after)]
        found = [int(_found(one, confidence, area, classes).sum()) for one in (before, after)]
        changes = mean_of_classes(changes_of_classes(before, after, classes, drawn, area))
        low, high = _ends(changes, len(np.unique(before.truth.image[before.asked(area)])))
        yield Part(
            kind="size",
            name=name,
            objects=objects,
            before=float(precision[0]),
            after=float(precision[1]),
            missed_before=objects - found[0],
            missed_after=objects - found[1],
            low=low,
            high=high,
        )


def by_class_of_image(
    before: Doubles, after: Doubles, labels: Sequence[int], classes: Sequence[str], drawn: Weights
) -> Iterator[Part]:
    """The classes of a classifier that an image has.

    Args:
        before: 100 where the float model's first guess is right, else 0, [images].
        after: likewise of the quantised model.
        labels: class of each image.
        classes: names by class_id.
        drawn: how often each image is drawn.
    """
    owners = np.asarray(labels)
    for class_id in np.unique(owners).tolist():
        own = owners == class_id
        some = drawn[:, own]
        changes = changes_of_guesses(before[own], after[own], some[some.sum(axis=1) > 0])
        low, high = _ends(changes, int(own.sum()))
        yield Part(
            kind="class",
            name=classes[class_id],
            objects=int(own.sum()),
            before=float(before[own].mean()),
            after=float(after[own].mean()),
            missed_before=_wrong(before, own),
            missed_after=_wrong(after, own),
            low=low,
            high=high,
        )


def _found(matches: Matches, confidence: float, area: int, classes: int) -> Ints:
    """How many objects of each class have a box of at least this confidence."""
    sure = matches.right(area) & (matches.confidence >= confidence)
    return np.bincount(matches.class_id[sure], minlength=classes)


def _wrong(right: Doubles, own: Bools) -> int:
    return int((right[own] == 0).sum())


def _ends(changes: Doubles, images: int) -> tuple[float | None, float | None]:
    return (None, None) if images < FEW else ends(changes) or (None, None)
