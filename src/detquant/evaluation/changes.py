"""What another precision changes of what is seen in an image: boxes that are lost, new, moved, or of another class.

No labels are needed: the float model's boxes are what is compared with. The quantised model's most confident box
chooses first, and takes the free box of its class that it overlaps most, if by half; of those that are left, boxes at
the same place are of another class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detquant.evaluation.agreement import box_iou, pairs
from detquant.families import Detections

MOVED = 0.8
"""Overlap below which a box of the same class has moved."""


MOST = 12
"""Images that are kept."""


class Fate(StrEnum):
    """What became of a box."""

    KEPT = "kept"
    MOVED = "moved"
    RENAMED = "renamed"
    LOST = "lost"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Something that a model is sure of in an image.

    Attributes:
        xyxy: left, top, right, bottom in pixels of the original image; empty for a classifier's guess.
        confidence: 0 to 1.
        class_id: index into the family's classes.
        fate: what became of it in the other model.
    """

    xyxy: tuple[float, ...]
    confidence: float
    class_id: int
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """One image as a model and a quantised one see it.

    Attributes:
        image: name of the image.
        file: path of a picture of it, without boxes, within the run's folder; None where none is kept.
        width: of the original image in pixels.
        height: of the original image in pixels.
        before: what the float model is sure of.
        after: what the quantised model is sure of.
        objects: objects that are known to be in it; None where nobody has labelled it.
        change: how much has changed, 0 to 1: 1 - F1 of the two sets of boxes.
    """

    image: str
    file: str | None
    width: int
    height: int
    before: tuple[Box, ...]
    after: tuple[Box, ...]
    objects: int | None
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has changed in one image.

    Attributes:
        place: place of the image among all.
        before: what the float model is sure of.
        after: what the quantised model is sure of.
    """

    place: int
    before: tuple[Box, ...]
    after: tuple[Box, ...]

    @property
    def changed(self) -> int:
        """How many boxes are not as they were, those of both models."""
        return sum(box.fate != Fate.KEPT for box in (*self.before, *self.after))

    @property
    def share(self) -> float:
        """1 - F1 of the two sets of boxes, 0 to 1."""
        boxes = len(self.before) + len(self.after)
        alike = sum(box.fate in (Fate.KEPT, Fate.MOVED) for box in (*self.before, *self.after))
        return 1 - alike / boxes if boxes else 0.0

    @property
    def _rank(self) -> tuple[int, float, int]:
        """Boxes that are lost, new or of another class come before those that have moved."""
        grave = sum(box.fate not in (Fate.KEPT, Fate.MOVED) for box in (*self.before, *self.after))
        return -grave, -self.changed, self.place


def largest_changes(
    before: Sequence[Detections], after: Sequence[Detections], most: int = MOST
) -> tuple[list[Change], int]:
    """The images in which something has changed, those first in which most boxes are lost, new or of another class.

    Args:
        before: what the float model is sure of, one entry an image.
        after: what the quantised model is sure of, likewise.
        most: how many are kept at most; there may be thousands, with their boxes.

    Returns:
        These, and in how many images something has changed.
    """
    kept, changed = list[Change](), 0
    for place, pair in enumerate(zip(before, after, strict=True)):
        if (one := boxes_of(place, *pair)).changed:
            kept, changed = [*kept, one], changed + 1
            if len(kept) > 2 * most:
                kept = sorted(kept, key=lambda one: one._rank)[:most]
    return sorted(kept, key=lambda one: one._rank)[:most], changed


def changed_guesses(
    before: Sequence[Detections], after: Sequence[Detections], most: int = MOST
) -> tuple[list[Change], int]:
    """The images that a classifier takes for something else, those first of which the float model was surest.

    Args:
        before: the float model's guesses, best first, one entry an image.
        after: the quantised model's, likewise.
        most: how many are kept at most.

    Returns:
        These, and how many there are in all.
    """
    found = [
        Change(place=place, before=_guess(ours), after=_guess(theirs))
        for place, (ours, theirs) in enumerate(zip(before, after, strict=True))
        if not np.array_equal(ours.class_id[:1], theirs.class_id[:1])
    ]
    found.sort(key=lambda one: (-max((box.confidence for box in one.before), default=0.0), one.place))
    return found[:most], len(found)


def boxes_of(place: int, before: Detections, after: Detections) -> Change:
    """The boxes of one image, each with what became of it.

    Args:
        place: place of the image among all.
        before: what the float model is sure of.
        after: what the quantised model is sure of.
    """
    overlap = box_iou(after.xyxy, before.xyxy)
    alike = after.class_id[:, None] == before.class_id[None, :]
    ours, theirs = [Fate.LOST] * len(before), [Fate.NEW] * len(after)
    for row, column, iou in pairs(np.where(alike, overlap, 0), after.confidence):
        ours[column] = theirs[row] = Fate.KEPT if iou >= MOVED else Fate.MOVED
    free = np.array([[a is Fate.NEW and b is Fate.LOST for b in ours] for a in theirs], np.bool_)
    for row, column, _ in pairs(np.where(free.reshape(overlap.shape), overlap, 0), after.confidence):
        ours[column] = theirs[row] = Fate.RENAMED
    return Change(place=place, before=_boxes(before, ours), after=_boxes(after, theirs))


def _boxes(found: Detections, fates: Sequence[Fate]) -> tuple[Box, ...]:
    rows = zip(found.xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), fates, strict=True)
    return tuple(
        Box(
            xyxy=tuple(round(one, 2) for one in xyxy),
            confidence=round(confidence, 4),
            class_id=class_id,
            fate=fate,
        )
        for xyxy, confidence, class_id, fate in rows
    )


def _guess(found: Detections) -> tuple[Box, ...]:
    """The first guess, as something that the other model takes for something else."""
    if not len(found):
        return ()
    confidence, class_id = float(found.confidence[0]), int(found.class_id[0])
    return (Box(xyxy=(), confidence=round(confidence, 4), class_id=class_id, fate=Fate.RENAMED),)
