"""What another precision changes of what is seen in an image: boxes that are lost, new, moved, or of another class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
