"""How far two models find the same objects, where nobody has labelled them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.families import CONFIDENCE, Detections

IOU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well a candidate's detections agree with a reference's.

    Attributes:
        f1: 2 matches / (boxes of one + boxes of the other), 0 to 1; 1 where neither finds anything.
        mean_iou: mean IoU of the matches, 0 to 1; 0 without one.
        matches: pairs of boxes of one class that overlap enough.
        reference_boxes: confident boxes of the reference.
        candidate_boxes: confident boxes of the candidate.
        images: number of images compared.
    """

    f1: float
    mean_iou: float
    matches: int
    reference_boxes: int
    candidate_boxes: int
    images: int

    @property
    def percent(self) -> float:
        """The agreement of two detectors, 0 to 100."""
        return 100 * self.f1


@dataclass(frozen=True, slots=True, kw_only=True)
class SameGuess:
    """How often two classifiers guess alike.

    Attributes:
        top1: share of the images of which both name the same class first, per cent.
        images: number of images compared.
    """

    top1: float
    images: int

    @property
    def percent(self) -> float:
        """The agreement of two classifiers, 0 to 100."""
        return self.top1


def agreed(task: str, reference: Sequence[Detections], candidate: Sequence[Detections]) -> Agreement | SameGuess:
    """How far two models of a task say the same of the same images.

    Args:
        task: task of both, a key of `detquant.evaluation.scorers.MEASURES`.
        reference: what the model to agree with is sure of, one entry an image.
        candidate: guesses of the other model for the same images.

    Raises:
        ValueError: the numbers of images differ.
    """
    return same_guess(reference, candidate) if task == "classify" else agreement(reference, candidate)


def agreement(
    reference: Sequence[Detections],
    candidate: Sequence[Detections],
    *,
    confidence: float = CONFIDENCE,
    iou: float = IOU,
) -> Agreement:
    """Matches the detections of two models, image by image, the candidate's most confident first.

    Args:
        reference: detections of the model to agree with, one entry an image.
        candidate: detections of the other model for the same images.
        confidence: boxes below this do not count.
        iou: a match overlaps at least this much.

    Raises:
        ValueError: the numbers of images differ.
    """
    overlaps: list[float] = []
    boxes = [0, 0]
    for ours, theirs in zip(reference, candidate, strict=True):
        ours, theirs = ours.above(confidence), theirs.above(confidence)
        overlaps += _match(ours, theirs, iou)
        boxes[0] += len(ours)
        boxes[1] += len(theirs)
    return Agreement(
        f1=2 * len(overlaps) / sum(boxes) if sum(boxes) else 1.0,
        mean_iou=float(np.mean(overlaps)) if overlaps else 0.0,
        matches=len(overlaps),
        reference_boxes=boxes[0],
        candidate_boxes=boxes[1],
        images=len(reference),
    )


def same_guess(reference: Sequence[Detections], candidate: Sequence[Detections]) -> SameGuess:
    """Compares the guesses of two classifiers.

    Args:
        reference: the likeliest class of each image.
        candidate: guesses of the other model for the same images.

    Raises:
        ValueError: the numbers of images differ.
    """
    alike = [np.array_equal(ours.class_id, theirs.class_id) for ours, theirs in zip(reference, candidate, strict=True)]
    return SameGuess(top1=100 * float(np.mean(alike)), images=len(alike))


def box_iou(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intersection over union of each box with each other box.

    Args:
        one: xyxy [n, 4].
        other: xyxy [m, 4].

    Returns:
        [n, m], 0 to 1; 0 between boxes without area.
    """
    corner = np.maximum(one[:, None, :2], other[None, :, :2])
    size = np.clip(np.minimum(one[:, None, 2:], other[None, :, 2:]) - corner, 0, None)
    common = size[..., 0] * size[..., 1]
    union = _area(one)[:, None] + _area(other)[None, :] - common
    return np.asarray(common / np.maximum(union, np.finfo(np.float32).tiny), np.float32)


def _area(xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.asarray(size[:, 0] * size[:, 1], np.float32)


def pairs(
    overlap: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32], iou: float = IOU
) -> Iterator[tuple[int, int, float]]:
    """Which boxes of two models belong together: each takes the free one that it overlaps most, the surest first.

    Args:
        overlap: IoU [candidates, references], 0 where two are none; columns that are taken become 0.
        confidence: of the candidates, [candidates].
        iou: a pair overlaps at least this much.

    Yields:
        Row, column and IoU of each pair.
    """
    if not overlap.shape[1]:
        return
    for row in np.argsort(-confidence, kind="stable").tolist():
        column = int(overlap[row].argmax())
        common = overlap[row, column]
        if common >= iou:
            overlap[:, column] = 0
            yield row, column, float(common)


def _match(reference: Detections, candidate: Detections, iou: float) -> list[float]:
    """IoU of each pair of boxes of one class."""
    overlap = box_iou(candidate.xyxy, reference.xyxy)
    overlap[candidate.class_id[:, None] != reference.class_id[None, :]] = 0
    return [common for *_, common in pairs(overlap, candidate.confidence, iou)]
