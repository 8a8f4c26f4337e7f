"""Precision, recall and F1 over confidence, and the threshold at which another precision sees as much as before.

Rounding shifts scores, so that a program which goes by a fixed threshold may see less, or nothing, of what the model
still finds. Objects are matched by confidence within their class (`matching`), so one matching tells every threshold.
The threshold that is proposed is not of a grid: it lies between two neighbouring scores of the model's own, as the
number of fewest digits there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from detquant.evaluation.matching import Matches
from detquant.numerics.arrays import Doubles, Floats, Ints

Keeps = Literal["recall", "f1"]
"""What the threshold of a quantised model may keep of the float model's."""
KEEPS: tuple[str, ...] = get_args(Keeps)
CURVE = np.round(np.arange(0.01, 1.0, 0.01), 2)
"""Thresholds at which curves are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What comes of one threshold, in per cent.

    Attributes:
        confidence: the threshold, 0 to 1: boxes of at least this confidence count.
        precision: share of the boxes that are objects; 0 where there is no box.
        recall: share of the objects that have a box.
        f1: the harmonic mean of the two.
        boxes: number of boxes.
    """

    confidence: float
    precision: float
    recall: float
    f1: float
    boxes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The threshold of a quantised model, beside that of the float model.

    Attributes:
        labelled: whether objects are known; else the float model's boxes at ``asked`` stand for them.
        asked: the user's threshold for the float model.
        proposed: the quantised model's threshold for the same; None where none gives it.
        by: "recall" or "f1": what is to be the same.
        before: the float model's curve, thresholds ascending, as far as there are boxes.
        after: the quantised model's curve, likewise.
        before_at_asked: what the float model does at ``asked``.
        after_at_asked: what the quantised model does there.
        after_at_proposed: what the quantised model does at ``proposed``; None where there is none.
        why: why none is proposed, a sentence; None where one is.
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
    why: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The boxes of a model that are right or wrong, the most confident first.

    Attributes:
        confidence: float32 [n], descending.
        right: int64 [n], how many of the boxes so far are objects.
        objects: how many there are.
    """

    confidence: Floats
    right: Ints
    objects: int

    @classmethod
    def of(cls, matches: Matches) -> Ranked:
        """The boxes of those classes that have an object, as in average precision; without known objects, of all."""
        asked, counted = matches.asked(), matches.counted()
        if matches.truth.known:
            counted &= np.isin(matches.class_id, matches.truth.class_id[asked])
        right = np.cumsum(matches.right()[counted], dtype=np.int64)
        return cls(matches.confidence[counted], right, int(asked.sum()))

    def at(self, confidence: float) -> Point:
        """What comes of one threshold."""
        boxes = int(np.searchsorted(-self.confidence, -np.float32(confidence), side="right"))
        right = int(self.right[boxes - 1]) if boxes else 0
        return Point(
            confidence=float(confidence),
            precision=100 * right / boxes if boxes else 0.0,
            recall=100 * right / self.objects if self.objects else 0.0,
            f1=200 * right / (boxes + self.objects) if boxes + self.objects else 0.0,
            boxes=boxes,
        )

    def curve(self) -> Iterator[Point]:
        """What comes of each threshold of `CURVE`, as far as there are boxes."""
        for confidence in CURVE.tolist():
            point = self.at(confidence)
            if not point.boxes:
                return
            yield point

    @property
    def levels(self) -> Ints:
        """The last box of each score, the highest first: a threshold takes all boxes of a score or none."""
        return np.asarray(np.flatnonzero(np.diff(self.confidence, append=-np.inf)))

    def has(self, confidence: float) -> bool:
        """Whether a box has this very score: there "more than" and "at least" differ, and decoders say either."""
        return bool((self.confidence == np.float32(confidence)).any())

    def below(self, box: int) -> float:
        """A threshold that this box and those before it reach, and none of a lower score."""
        lower = self.confidence[box + 1 :]
        lower = lower[lower < self.confidence[box]]
        return shortest_between(float(lower[0]) if len(lower) else 0.0, float(self.confidence[box]))

    def between(self, box: int, other: int) -> float:
        """A threshold half way between the scores of two boxes, which no score is equal to."""
        half = (float(self.confidence[box]) + float(self.confidence[other])) / 2
        above = int(np.searchsorted(-self.confidence, -half, side="left"))  # boxes of a higher score
        return self.below(max(above - 1, box))


def thresholds(before: Matches, after: Matches, asked: float, keeps: Keeps = "recall") -> Thresholds:
    """Curves of a float model and of a quantised one, and the threshold of the latter for the same recall, or F1.

    Where the float model's threshold does no worse than any other, it stays.

    Where nobody has labelled the images, the float model's boxes at ``asked`` stand for the objects. It finds all of
    these by definition, and no other model does; so the threshold is the one that gives as many boxes, or for F1 the
    one at which the two models agree best.

    Args:
        before: what the float model finds.
        after: what the quantised model finds, of the same objects.
        asked: threshold of the float model, 0 to 1.
        keeps: what is to be the same.
    """
    ours, theirs = Ranked.of(before), Ranked.of(after)
    here, there = ours.at(asked), theirs.at(asked)
    if not before.truth.known:
        proposed, why = _as_many(theirs, here) if keeps == "recall" else _best_f1(theirs, here)
    else:
        proposed, why = _same_recall(theirs, here) if keeps == "recall" else _same_f1(theirs, here)
    stays = proposed is not None and _does_as_well(there, theirs.at(proposed), here, keeps, before.truth.known)
    if stays and not theirs.has(asked):
        proposed = asked
    return Thresholds(
        labelled=before.truth.known,
        asked=asked,
        proposed=proposed,
        by=keeps,
        before=tuple(ours.curve()),
        after=tuple(theirs.curve()),
        before_at_asked=here,
        after_at_asked=there,
        after_at_proposed=None if proposed is None else theirs.at(proposed),
        why=why,
    )


def shortest_between(low: float, high: float) -> float:
    """The number with the fewest digits after the point between two others; of several the one nearest to the middle.

    It is between them in single precision too, in which scores are compared with it.

    Args:
        low: less than ``high``.
        high: a threshold that scores reach is below it.
    """
    middle = (low + high) / 2
    for digits in range(1, 10):
        near = round(middle, digits)
        if low < near < high and np.float32(low) < np.float32(near) < np.float32(high):
            return near
    return middle


NOTHING = "the float model finds no object at {asked:g}"
NEVER_RECALL = (
    "the quantised model finds {most:.1f} % of the objects at any threshold, and the float model {recall:.1f} % at "
    "{asked:g}"
)
NEVER_AS_MANY = "the quantised model has {most} boxes at any threshold, and the float model {boxes} at {asked:g}"
NEVER_F1 = "the quantised model's best F1 is {most:.1f} %, and the float model's at {asked:g} is {f1:.1f} %"


def _same_recall(ranked: Ranked, here: Point) -> tuple[float | None, str | None]:
    """Where as many objects are found: half way between the score of the last of them and that of the next."""
    wanted = round(here.recall / 100 * ranked.objects)
    if not wanted:
        return None, NOTHING.format(asked=here.confidence)
    most = int(ranked.right[-1]) if len(ranked.right) else 0
    if most < wanted:
        share = 100 * most / ranked.objects
        return None, NEVER_RECALL.format(most=share, recall=here.recall, asked=here.confidence)
    right = ranked.right[ranked.levels]
    apart = np.abs(right - wanted)
    # Of scores that many boxes have, one may find too few and the next too many: the nearer, and rather too many.
    level = int(np.flatnonzero(apart == apart.min())[-1])
    level = int(np.searchsorted(right, right[level]))  # the first of those that find as many
    box = int(ranked.levels[level])
    more = int(np.searchsorted(ranked.right, ranked.right[box] + 1))
    return (ranked.between(box, more) if more < len(ranked.right) else ranked.below(box)), None


def _same_f1(ranked: Ranked, here: Point) -> tuple[float | None, str | None]:
    """Of the thresholds with at least this F1 the one that is nearest to the same recall."""
    if not here.f1:
        return None, NOTHING.format(asked=here.confidence)
    levels = ranked.levels
    right: Doubles = ranked.right[levels].astype(np.float64)
    f1 = 200 * right / (levels + 1 + ranked.objects)
    good = np.flatnonzero(f1 >= here.f1 - 1e-9)
    if not len(good):
        most = float(f1.max(initial=0.0))
        return None, NEVER_F1.format(most=most, f1=here.f1, asked=here.confidence)
    apart = np.abs(100 * right[good] / ranked.objects - here.recall)
    nearest = good[apart <= apart.min() + 1e-9]
    best = int(nearest[np.argmax(f1[nearest])])
    return ranked.below(int(levels[best])), None


def _as_many(ranked: Ranked, here: Point) -> tuple[float | None, str | None]:
    """Where there are as many boxes as the float model has."""
    if not here.boxes:
        return None, NOTHING.format(asked=here.confidence)
    if len(ranked.confidence) < here.boxes:
        return None, NEVER_AS_MANY.format(most=len(ranked.confidence), boxes=here.boxes, asked=here.confidence)
    apart = np.abs(ranked.levels + 1 - here.boxes)
    return ranked.below(int(ranked.levels[np.flatnonzero(apart == apart.min())[-1]])), None


def _best_f1(ranked: Ranked, here: Point) -> tuple[float | None, str | None]:
    """Where most of its boxes are the float model's, and most of these are found."""
    if not here.boxes:
        return None, NOTHING.format(asked=here.confidence)
    levels = ranked.levels
    f1 = 2 * ranked.right[levels] / (levels + 1 + ranked.objects)
    if not f1.max(initial=0.0):
        return None, NEVER_F1.format(most=0.0, f1=here.f1, asked=here.confidence)
    return ranked.below(int(levels[np.argmax(f1)])), None


def _does_as_well(asked: Point, proposed: Point, here: Point, keeps: Keeps, known: bool) -> bool:
    """Whether a model at the float model's own threshold is no farther from it than at another."""
    if keeps == "f1" and not known:
        return asked.f1 >= proposed.f1 - 1e-9
    if keeps == "f1" and asked.f1 < here.f1 - 1e-9:
        return False
    if not known:
        return abs(asked.boxes - here.boxes) <= abs(proposed.boxes - here.boxes)
    return abs(asked.recall - here.recall) <= abs(proposed.recall - here.recall) + 1e-9


def is_threshold(value: object) -> bool:
    """Whether a value can be a threshold of confidence."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
