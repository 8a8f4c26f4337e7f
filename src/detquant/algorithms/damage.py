"""How much a quantised detector differs where it matters: where the float model sees something.

For an image, let C be the cells whose best float score is at least 0.1, the 50 best of them, and the 5 best cells at
least; where there is no such cell, the 20 best. The damage is

    mean over C of  |s' - s|  +  max(s) (1 - IoU(b', b))

with s the scores of all classes (the largest difference of a cell counts), b the boxes. It is 0 for an
equal model and near 1 for one that sees nothing. A handful of images ranks tensors and settings in seconds,
where AP would take minutes.

What is seen where the float model sees nothing is not in it: with 8 bits there is little of that. With fewer there is,
and `Damage.with_alarms` adds, for the 50 best cells A of the quantised model that are not in C,

    sum over A of  max(0, s' - s)  /  |C|        (the largest of a cell's classes)

Where the graph suppresses boxes itself, its rows are no cells but what was found, best first, and the same object may
stand in another row the next time. Then a row is compared with the row of its class that overlaps it most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from detquant.numerics.arrays import Array, Floats, Ints
from detquant.spread import spread_over

SURE = 0.1
FEWEST, UNSURE, MOST = 5, 20, 50
"""Cells of an image; more of them than the model is sure of would say that little is lost where one object is."""

Outputs = Mapping[str, Array]
Run = Callable[[Mapping[str, Array]], Outputs]


def with_flags(run: Run, flags: Mapping[str, Array], feed: Mapping[str, Array]) -> Outputs:
    """Runs a model whose grids are switched (`detquant.graph.switches`) on one image, its switches as given."""
    return run({**feed, **flags})


class Heads(Protocol):
    """The part of a detector family that reads raw outputs."""

    @property
    def ranked(self) -> bool:
        """Whether rows are no cells but what was found, the best first."""
        ...

    def scores(self, outputs: Outputs) -> Floats:
        """Score of each class, ``[cells, classes]``."""
        ...

    def boxes(self, outputs: Outputs) -> Floats:
        """Box of each cell, ``[cells, 4]`` xyxy in input pixels."""
        ...


@dataclass(frozen=True, slots=True)
class _Reference:
    cells: Ints
    scores: Floats
    boxes: Floats
    all_scores: Floats
    all_boxes: Floats


class Damage:
    """Damage against float outputs that are computed once.

    Args:
        heads: reads the outputs.
        run_float: runs the float model.
        feeds: the images.
        workers: images that run at a time.
        executor: executor that runs the images, or None for threads of its own.
    """

    def __init__(
        self,
        heads: Heads,
        run_float: Run,
        feeds: Sequence[Mapping[str, Array]],
        workers: int = 1,
        executor: Executor | None = None,
    ) -> None:
        self.heads, self.feeds, self.workers, self.executor = heads, tuple(feeds), workers, executor
        self.alarms = False
        self.references = [self._reference(outputs) for outputs in self._outputs(run_float)]

    def limited(self, images: int) -> Damage:
        """This measure on the first ``images`` images alone."""
        return self._part(slice(images))

    def beyond(self, images: int) -> Damage:
        """This measure on all images but the first ``images``."""
        return self._part(slice(images, None))

    def only(self, image: int) -> Damage:
        """This measure on one image alone, named by its place."""
        return self._part(slice(image, image + 1))

    def with_alarms(self) -> Damage:
        """This measure with false alarms, for grids so coarse that there are some."""
        part = copy(self)
        part.alarms = True
        return part

    def alone(self) -> Damage:
        """This measure on one thread, image after image; it travels."""
        part = copy(self)
        part.executor, part.workers = None, 1
        return part

    def _part(self, images: slice) -> Damage:
        part = copy(self)
        part.feeds, part.references = self.feeds[images], self.references[images]
        return part

    def _reference(self, outputs: Outputs) -> _Reference:
        scores, boxes = self.heads.scores(outputs), self.heads.boxes(outputs)
        best = scores.max(axis=1)
        order = np.argsort(-best, kind="stable")[:MOST]
        sure = int((best[order] >= SURE).sum())
        cells = order[: max(FEWEST, sure) if sure else UNSURE]
        return _Reference(cells, scores[cells], boxes[cells], scores, boxes)

    def __call__(self, run: Run) -> float:
        """Mean damage of ``run`` over the images."""
        return float(np.mean(self.each(run)))

    def each(self, run: Run) -> list[float]:
        """Damage of ``run`` on each image."""
        pairs = zip(self._outputs(run), self.references, strict=True)
        return [self._one(outputs, reference) for outputs, reference in pairs]

    def up_to(self, limit: float, run: Run) -> float:
        """Mean damage of ``run``, image after image; where the first ones alone make it more than the limit, of those.

        What is given then is above the limit too, and no more than the mean damage.
        """
        total = 0.0
        for feed, reference in zip(self.feeds, self.references, strict=True):
            total += self._one(run(feed), reference)
            if total > limit * len(self.feeds):
                break
        return total / len(self.feeds)

    def of_each(self, runs: Sequence[Run]) -> list[float]:
        """Mean damage of each of several models, which run beside each other, each on image after image."""
        alone = self.alone()  # an executor does not travel, and who waits for others in it could wait for ever
        with spread_over(self.executor, self.workers) as pool:
            return list(pool.map(alone._in_turn, runs))

    def _in_turn(self, run: Run) -> float:
        pairs = zip(self.feeds, self.references, strict=True)
        return float(np.mean([self._one(run(feed), reference) for feed, reference in pairs]))

    def _outputs(self, run: Run) -> Iterator[Outputs]:
        with spread_over(self.executor, self.workers) as pool:
            yield from pool.map(run, self.feeds)

    def _one(self, outputs: Outputs, reference: _Reference) -> float:
        scores, boxes = self.heads.scores(outputs), self.heads.boxes(outputs)
        alarms = self._alarms(scores, boxes, reference) if self.alarms else 0.0
        if self.heads.ranked:
            scores, boxes = _counterparts(scores, boxes, reference.scores, reference.boxes)
        else:
            scores, boxes = scores[reference.cells], boxes[reference.cells]
        moved = np.abs(scores - reference.scores).max(axis=1)
        lost = reference.scores.max(axis=1) * (1.0 - paired_iou(boxes, reference.boxes))
        return float(np.nan_to_num(moved + lost, nan=2.0, posinf=2.0).mean()) + alarms

    def _alarms(self, scores: Floats, boxes: Floats, reference: _Reference) -> float:
        """What is seen in the best cells that are not the reference's, for each of those."""
        scores = np.nan_to_num(scores, nan=1.0, posinf=1.0)
        best = np.argsort(-scores.max(axis=1), kind="stable")[:MOST]
        if self.heads.ranked:
            seen, _ = _counterparts(reference.all_scores, reference.all_boxes, scores[best], boxes[best])
        else:
            best = best[~np.isin(best, reference.cells)]
            seen = reference.all_scores[best]
        more = np.maximum(scores[best] - seen, 0.0).max(axis=1, initial=0.0)
        return float(more.sum(dtype=np.float64)) / len(reference.cells)


def _counterparts(scores: Floats, boxes: Floats, of_scores: Floats, of_boxes: Floats) -> tuple[Floats, Floats]:
    """Finds, for each of some rows, the row of its class that overlaps it most; rows without one are zeros.

    Args:
        scores: of the rows that it is found among.
        boxes: likewise.
        of_scores: of the rows whose counterparts are wanted.
        of_boxes: likewise.
    """
    count, rows = len(of_boxes), len(boxes)
    pairs = paired_iou(np.repeat(of_boxes, rows, axis=0), np.tile(boxes, (count, 1))).reshape(count, rows)
    same = of_scores.argmax(axis=1)[:, None] == scores.argmax(axis=1)
    pairs = np.where(same & (scores.max(axis=1) > 0), pairs, 0.0)
    best, found = pairs.argmax(axis=1), pairs.max(axis=1, keepdims=True) > 0
    return np.where(found, scores[best], 0), np.where(found, boxes[best], 0)


def paired_iou(a: Floats, b: Floats) -> Floats:
    """IoU of ``a[k]`` with ``b[k]``; boxes ``[n, 4]`` xyxy. Equal boxes have 1, even without an area."""
    overlap = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=1) for x in (a, b)]
    ratio = overlap / np.maximum(areas[0] + areas[1] - overlap, 1e-9)
    return np.asarray(np.where((a == b).all(axis=1), 1.0, ratio), np.float32)
