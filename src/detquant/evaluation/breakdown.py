"""Accuracy by class and by size of the object, before and after."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Accuracy on one class, or on objects of one size.

    Attributes:
        kind: "class" or "size".
        name: name of the class; "small", "medium" or "large" as COCO has them.
        objects: how many there are (of a classifier: images).
        before: the float model's measure, per cent; None where it is not defined.
        after: the quantised model's, likewise.
        missed_before: objects without a box of the float model at its threshold.
        missed_after: likewise of the quantised model at the same threshold.
        low: lower end of the interval of the change (after - before), points; None where it was not resampled.
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
