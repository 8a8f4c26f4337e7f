"""Precision, recall and F1 over confidence, and the threshold at which another precision sees as much as before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What comes of one threshold, in per cent.

    Attributes:
        confidence: the threshold, 0 to 1: boxes of at least this confidence count.
        precision: share of the boxes that are objects.
        recall: share of the objects that have a box.
        f1: the harmonic mean of the two.
    """

    confidence: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The threshold of a quantised model, beside that of the float model.

    Attributes:
        labelled: whether objects are known; else the float model's boxes at ``asked`` stand for them.
        asked: the user's threshold for the float model.
        proposed: the quantised model's threshold for the same; None where none gives it.
        by: "recall" or "f1": what is to be the same.
        before: the float model's curve, thresholds ascending.
        after: the quantised model's curve, likewise.
        before_at_asked: what the float model does at ``asked``.
        after_at_asked: what the quantised model does there.
        after_at_proposed: what the quantised model does at ``proposed``; None where there is none.
    """

    labelled: bool
    asked: float
    proposed: float | None
    by: str
    before: tuple[Point, ...]
    after: tuple[Point, ...]
    before_at_asked: Point
    after_at_asked: Point
    after_at_proposed: Point | None = None
