"""Which detections are objects, by COCO's rules: at ten overlaps, and for objects of all sizes and of three.

Within each class of an image the most confident detection chooses first, and takes the free object that it overlaps
most, if by enough (`pycocotools`, `COCOeval.evaluateImg`). So what lies below a threshold changes nothing above it, and
one matching tells precision and recall at every threshold, and of every choice of images.

Crowds, and objects of other sizes than are asked for, are ignored: whoever finds one is neither right nor wrong. A
crowd may be found many times, and overlaps a detection by the share of this that lies in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detquant.evaluation.accuracy import MAX_DETECTIONS
from detquant.evaluation.found import Found
from detquant.evaluation.truth import Truth
from detquant.numerics.arrays import Bools, Doubles, Floats, Ints

IOUS = np.linspace(0.5, 0.95, 10)
"""COCO's overlaps, from the loosest."""
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's sizes of objects: least and greatest area in pixels, both of them included."""
ALL = 0
"""Place of all sizes among `AREAS`."""
LOOSEST = 0
"""Place of the overlap of one half among `IOUS`."""
_LOW, _HIGH = (np.array(ends) for ends in zip(*AREAS.values(), strict=True))
_LIMIT = MAX_DETECTIONS[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What each detection is, the most confident first; of a class in an image the best hundred.

    Few detections overlap an object of their class by half: what is to be known of each overlap and size is kept of
    these alone. The others are wrong, but where they are of another size than is asked for, they are ignored.

    Attributes:
        truth: the objects.
        confidence: float32 [n], descending.
        class_id: int32 [n].
        image: int32 [n], place of the image.
        outside: bool [areas, n], whether it is itself of another size.
        near: int64 [m], places of those that overlap an object by half, ascending.
        hit: bool [areas, overlaps, m], whether such a one is an object.
        ignored: bool [areas, overlaps, m], whether it is neither right nor wrong.
    """

    truth: Truth
    confidence: Floats
    class_id: Ints
    image: Ints
    outside: Bools
    near: Ints
    hit: Bools
    ignored: Bools

    def right(self, area: int = ALL, overlap: int = LOOSEST) -> Bools:
        """Bool [n], whether each detection is an object."""
        found = np.zeros(len(self.confidence), np.bool_)
        found[self.near] = self.hit[area, overlap]
        return found

    def counted(self, area: int = ALL, overlap: int = LOOSEST) -> Bools:
        """Bool [n], whether each detection is right or wrong."""
        found: Bools = ~self.outside[area]
        found[self.near] = ~self.ignored[area, overlap]
        return found

    def asked(self, area: int = ALL) -> Bools:
        """Bool [objects], whether each object is to be found."""
        return np.asarray(wanted(self.truth)[area])


def wanted(truth: Truth) -> Bools:
    """Bool [areas, objects], whether each object is of a size and no crowd."""
    fits = (truth.area >= _LOW[:, None]) & (truth.area <= _HIGH[:, None])
    return np.asarray(fits & ~truth.crowd)


def match(truth: Truth, found: Found) -> Matches:
    """Matches what was found with the objects.

    Args:
        truth: the objects of the same images, in the same order.
        found: detections of a model.

    Raises:
        ValueError: the numbers of images differ.
    """
    if len(truth) != len(found):
        raise ValueError(f"There are {len(truth)} images with objects, and {len(found)} with detections.")
    image = found.image
    kept = _best_of_each(image, found)
    image, confidence, class_id = image[kept], found.confidence[kept], found.class_id[kept]
    xyxy = found.xyxy[kept] if truth.limits is None else np.clip(found.xyxy[kept], 0, truth.limits[image])
    xywh = xyxy.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    area = xywh[:, 2] * xywh[:, 3]
    outside = (area < _LOW[:, None]) | (area > _HIGH[:, None])
    near, hit, ignored = _near(truth, image, class_id, xywh)
    ignored |= ~hit & outside[:, None, near]
    # Of equal scores the first image's is the first, and within an image the one that was found first.
    order = np.lexsort((np.arange(len(kept)), truth.order[image], -confidence))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    sorted_near = np.argsort(place[near], kind="stable")
    return Matches(
        truth=truth,
        confidence=confidence[order],
        class_id=class_id[order],
        image=image[order],
        outside=outside[:, order],
        near=place[near][sorted_near],
        hit=hit[..., sorted_near],
        ignored=ignored[..., sorted_near],
    )


def _best_of_each(image: Ints, found: Found) -> Ints:
    """The most confident detections of each class in each image: image by image, class by class, the best first."""
    order = np.lexsort((-found.confidence, found.class_id, image))
    group = np.stack([image[order], found.class_id[order]])
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (group[:, 1:] != group[:, :-1]).any(axis=0)
    first = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    return np.asarray(order[np.arange(len(order)) - first < _LIMIT])


def _near(truth: Truth, image: Ints, class_id: Ints, xywh: Doubles) -> tuple[Ints, Bools, Bools]:
    """The detections that overlap an object of their class, and what they are at each size and overlap."""
    starts = np.searchsorted(image, np.arange(len(truth) + 1))
    aside = ~wanted(truth)
    shape = (len(AREAS), len(IOUS), 0)
    near, hits, ignored = [np.zeros(0, np.int64)], [np.zeros(shape, np.bool_)], [np.zeros(shape, np.bool_)]
    for place in range(len(truth)):
        objects = slice(int(truth.starts[place]), int(truth.starts[place + 1]))
        these = slice(int(starts[place]), int(starts[place + 1]))
        if objects.start == objects.stop or these.start == these.stop:
            continue
        overlap = _overlap(xywh[these], truth.xywh[objects], truth.crowd[objects])
        overlap[class_id[these, None] != truth.class_id[None, objects]] = 0.0
        if chosen := list(_choices(overlap, truth.crowd[objects], aside[:, objects])):
            rows, right, without = zip(*chosen, strict=True)
            near.append(these.start + np.array(rows))
            hits.append(np.stack(right, axis=-1))
            ignored.append(np.stack(without, axis=-1))
    return np.concatenate(near), np.concatenate(hits, axis=-1), np.concatenate(ignored, axis=-1)


def _overlap(found: Doubles, objects: Doubles, crowd: Bools) -> Doubles:
    """Overlap [detections, objects] of boxes as left, top, width, height."""
    ends = found[:, :2] + found[:, 2:], objects[:, :2] + objects[:, 2:]
    low = np.maximum(found[:, None, :2], objects[None, :, :2])
    size = np.clip(np.minimum(ends[0][:, None], ends[1][None, :]) - low, 0, None)
    common, own = size[..., 0] * size[..., 1], (found[:, 2] * found[:, 3])[:, None]
    either = own + (objects[:, 2] * objects[:, 3])[None, :] - common
    return np.asarray(common / np.maximum(np.where(crowd[None, :], own, either), np.finfo(np.float64).tiny))


def _choices(overlap: Doubles, crowd: Bools, aside: Bools) -> Iterator[tuple[int, Bools, Bools]]:
    """What each near detection of one image takes: whether it is an object, or is ignored, [areas, overlaps] each.

    Args:
        overlap: [detections, objects], the most confident of each class first.
        crowd: [objects].
        aside: [areas, objects], those that are not asked for.
    """
    taken = np.zeros((*aside.shape[:1], len(IOUS), overlap.shape[1]), np.bool_)
    least = np.minimum(IOUS, 1 - 1e-10)
    for row in np.flatnonzero(overlap.max(axis=1) >= least[LOOSEST]).tolist():
        columns = np.flatnonzero(overlap[row] >= least[LOOSEST])[::-1]  # of equal ones the last is taken
        columns = columns[np.argsort(-overlap[row, columns], kind="stable")]
        hit = np.zeros(taken.shape[:2], np.bool_)
        ignored = np.zeros(taken.shape[:2], np.bool_)
        for only_ignored in (False, True):
            for column in columns.tolist():
                free = ~taken[:, :, column] | crowd[column]
                fits = free & (overlap[row, column] >= least)[None, :] & (aside[:, column, None] == only_ignored)
                takes = fits & ~hit & ~ignored
                taken[:, :, column] |= takes
                if only_ignored:
                    ignored |= takes
                else:
                    hit |= takes
        yield row, hit, ignored
