"""How far a difference in accuracy would be another with other images: an interval from resampling them.

Images are drawn with replacement, as many as there are, and the same ones for both models: the paired bootstrap of
Efron ("Bootstrap methods: another look at the jackknife", 1979) with the interval of the percentiles. What is measured
anew for each draw is the measure itself: COCO's AP is no mean over images.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detquant.evaluation.average_precision import Weights, average_precision
from detquant.evaluation.matching import ALL, Matches
from detquant.families import Detections
from detquant.numerics.arrays import Doubles

LEVEL = 95.0
MOST, LEAST = 400, 100
"""Bounds of the number of resamples."""
WORK = 4e8
"""Numbers that are cumulated for one model at most; so many take some seconds."""
FEW = 30
"""Images below which percentiles of resamples say too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The interval of a drop, from resampling images with replacement (Efron 1979), the same ones for both models.

    Attributes:
        drop: the drop that was measured, points (before - after).
        low: lower end, points.
        high: upper end, points.
        level: share of the resamples between the two, per cent.
        resamples: how many were drawn.
        images: how many images there are.
    """

    drop: float
    low: float
    high: float
    level: float
    resamples: int
    images: int

    @property
    def holds_zero(self) -> bool:
        """Whether these images do not tell the two models apart."""
        return self.low <= 0 <= self.high


def draws(images: int, resamples: int, seed: int = 0) -> Weights:
    """How often each image is drawn: int32 [resamples, images], as many in each as there are images."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.int32)


def enough(*matches: Matches, most: int = MOST) -> int:
    """How many resamples can be had in a few seconds: fewer of more detections.

    Args:
        matches: what will be measured anew each time.
        most: bound of the number.
    """
    numbers = max((len(one.confidence) + one.hit.shape[1] * len(one.near) for one in matches), default=1)
    return int(np.clip(WORK // max(1, numbers), min(LEAST, most), most))


def changes_of_classes(before: Matches, after: Matches, classes: int, drawn: Weights, area: int = ALL) -> Doubles:
    """The change of the AP of each class (after - before): [draws, classes], points, NaN where it has no object."""
    return average_precision(after, classes, drawn, area) - average_precision(before, classes, drawn, area)


def mean_of_classes(changes: Doubles) -> Doubles:
    """The mean over the classes that have an object: [draws], NaN where none has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw without any object has no mean
        return np.asarray(np.nanmean(changes, axis=1))


def ends(values: Doubles) -> tuple[float, float] | None:
    """The percentiles between which `LEVEL` of the values lie; None where most of them are not defined."""
    known = values[~np.isnan(values)]
    if len(known) <= len(values) / 2:
        return None
    low, high = np.percentile(known, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def interval(drop: float, changes: Doubles, images: int) -> Interval | None:
    """The interval of a drop.

    Args:
        drop: what was measured, points.
        changes: the change with each draw (after - before), [draws], points.
        images: how many images there are.

    Returns:
        None where there are too few images to draw from.
    """
    between = ends(-changes)
    if images < FEW or between is None:
        return None
    return Interval(drop=drop, low=between[0], high=between[1], level=LEVEL, resamples=len(changes), images=images)


def right_guesses(guesses: Sequence[Detections], labels: Sequence[int]) -> Doubles:
    """Whether a classifier's first guess is right: float64 [images], 100 or 0."""
    return np.array(
        [100.0 * bool(len(one) and one.class_id[0] == label) for one, label in zip(guesses, labels, strict=True)]
    )


def changes_of_guesses(before: Doubles, after: Doubles, drawn: Weights) -> Doubles:
    """The change of the share of right guesses with each draw: [draws], points.

    Args:
        before: of the float model, as `right_guesses` gives them.
        after: of the quantised one.
        drawn: how often each image is drawn.
    """
    return np.asarray(drawn @ (after - before) / drawn.sum(axis=1))
