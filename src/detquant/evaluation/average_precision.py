"""COCO's average precision from matches, of any choice of the images at once.

An image that was drawn w times counts w times: true positives and detections are cumulated with these weights, so that
a thousand choices take no other matching. The mean over the 101 recalls is a sum over the detections that are objects:
each stands for the recalls between the one before it and its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detquant.evaluation.matching import ALL, IOUS, Matches
from detquant.numerics.arrays import Bools, Doubles, Ints

Weights = npt.NDArray[np.int32]

RECALLS = np.linspace(0.0, 1.0, 101)
AT_ONCE = 1 << 20
"""Numbers of a table that is in memory at a time."""


def average_precision(matches: Matches, classes: int, weights: Weights | None = None, area: int = ALL) -> Doubles:
    """The average precision of each class, mean over the overlaps, for each choice of images.

    Args:
        matches: what the detections are.
        classes: number of classes.
        weights: int32 [choices, images], how often each image was drawn; None for once each.
        area: place of the size of objects among `AREAS`.

    Returns:
        float64 [choices, classes], per cent; NaN where a class has no object in a choice.
    """
    drawn = np.ones((1, len(matches.truth)), np.int32) if weights is None else weights
    found = np.full((len(drawn), classes), np.nan)
    counted, asked = ~matches.outside[area], matches.asked(area)
    counted[matches.near] = True  # what of these is ignored is taken away at each overlap
    owners, images = matches.truth.class_id[asked], matches.truth.image[asked]
    by_class = np.argsort(matches.class_id, kind="stable")
    starts = np.searchsorted(matches.class_id[by_class], np.arange(classes + 1))
    for class_id in np.unique(owners).tolist():
        own = by_class[starts[class_id] : starts[class_id + 1]]
        near = np.flatnonzero(matches.class_id[matches.near] == class_id)
        last = int(matches.near[near[-1]]) if len(near) else -1
        own = own[own <= last]  # those behind the last object change nothing
        rows = max(1, AT_ONCE // max(1, len(own), int((owners == class_id).sum())))
        for start in range(0, len(drawn), rows):
            some = drawn[start : start + rows]
            objects = some[:, images[owners == class_id]].sum(axis=1)
            found[start : start + rows, class_id] = _of_class(matches, own, near, counted, some, objects, area)
    return found


def _of_class(
    matches: Matches,
    own: Ints,
    near: Ints,
    counted: Bools,
    drawn: Weights,
    objects: Ints,
    area: int,
) -> Doubles:
    """One class: [choices], NaN where there is no object."""
    weight = drawn[:, matches.image[own]]
    boxes = np.cumsum(weight * counted[own], axis=1, dtype=np.int32)
    places = np.searchsorted(own, matches.near[near])
    passed = _recalls_passed(objects)
    total = np.zeros(len(drawn))
    for overlap in range(len(IOUS)):
        hits = places[matches.hit[area, overlap, near]]
        if not len(hits):
            continue
        right = np.cumsum(weight[:, hits], axis=1, dtype=np.int32)
        so_far = boxes[:, hits]
        if len(aside := places[matches.ignored[area, overlap, near]]):
            before = np.cumsum(weight[:, aside], axis=1, dtype=np.int32)
            before = np.concatenate([np.zeros((len(drawn), 1), np.int32), before], axis=1)
            so_far = so_far - before[:, np.searchsorted(aside, hits)]
        precision = right / np.maximum(so_far, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recalls = np.take_along_axis(passed, right, axis=1)
        total += (best * np.diff(recalls, axis=1, prepend=0)).sum(axis=1)
    mean = 100 * total / (len(RECALLS) * len(IOUS))
    return np.where(objects > 0, mean, np.nan)


def _recalls_passed(objects: Ints) -> npt.NDArray[np.int16]:
    """How many of the recalls are reached with 0, 1, ... of the objects: [choices, most objects + 1]."""
    right = np.arange(int(objects.max(initial=0)) + 1)
    recall = right[None, :] / np.maximum(objects, 1)[:, None]
    passed = np.searchsorted(RECALLS, recall, side="right").astype(np.int16)
    passed[:, 0] = 0  # nothing found passes no recall, not even that of 0
    return passed
