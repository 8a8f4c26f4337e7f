"""Which cell answers for which object: task-aligned assignment (Feng et al., TOOD, 2021, section 3.2).

A cell's alignment with an object is t = s^alpha * u^beta, s being its score for the object's class and u the overlap
of its box. Of the cells whose centre lies in the object the best TOP_K are its positives; a cell that several objects
want goes to the one that it overlaps most. The class target of a positive is t, scaled so that the largest of an
object is its largest overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from detquant.algorithms.finetune.detection.overlap import ciou

TOP_K, ALPHA, BETA = 10, 0.5, 6.0
EPS = 1e-9


class Objects(NamedTuple):
    """The labelled objects of a batch, filled up to the most that an image has.

    Attributes:
        boxes: [batch, objects, 4], xyxy, pixels; zeros where there is none.
        class_id: int64 [batch, objects].
        real: bool [batch, objects], false where there is none.
    """

    boxes: Tensor
    class_id: Tensor
    real: Tensor


class Assignment(NamedTuple):
    """What every cell should say.

    Attributes:
        boxes: [batch, cells, 4], xyxy, pixels; any where not positive.
        scores: [batch, cells, classes], 0 where not positive.
        positive: bool [batch, cells].
    """

    boxes: Tensor
    scores: Tensor
    positive: Tensor


def assign(scores: Tensor, boxes: Tensor, centres: Tensor, objects: Objects) -> Assignment:
    """Assigns the cells of a batch to its objects; without gradient.

    Args:
        scores: [batch, cells, classes], 0 to 1.
        boxes: [batch, cells, 4], xyxy, pixels.
        centres: of the cells, [cells, 2], pixels.
        objects: of the batch.
    """
    with torch.no_grad():
        batch, cells, classes = scores.shape
        if objects.boxes.shape[1] == 0:
            nothing = torch.zeros(batch, cells, dtype=torch.bool, device=boxes.device)
            return Assignment(torch.zeros_like(boxes), torch.zeros_like(scores), nothing)
        allowed = _inside(centres, objects)  # [batch, objects, cells], as all below
        overlap = ciou(objects.boxes[:, :, None], boxes[:, None]).clamp(min=0) * allowed
        wanted = objects.class_id[:, :, None].expand(-1, -1, cells)
        alignment = scores.transpose(1, 2).gather(1, wanted).pow(ALPHA) * overlap.pow(BETA)
        chosen = _one_object_each(_best_cells(alignment, allowed), overlap)
        owner = chosen.int().argmax(1)  # [batch, cells]
        target_boxes = objects.boxes.gather(1, owner[..., None].expand(-1, -1, 4))
        strength = _strength(alignment * chosen, overlap * chosen)
        labels = torch.nn.functional.one_hot(objects.class_id.gather(1, owner), classes)
        return Assignment(target_boxes, labels * strength[..., None], chosen.any(1))


def _inside(centres: Tensor, objects: Objects) -> Tensor:
    """Which centres lie in which objects, bool [batch, objects, cells]."""
    low, high = objects.boxes[:, :, None, :2], objects.boxes[:, :, None, 2:]
    return ((centres > low) & (centres < high)).all(-1) & objects.real[..., None]


def _best_cells(alignment: Tensor, allowed: Tensor) -> Tensor:
    """The TOP_K best-aligned of the cells allowed to each object."""
    _, best = alignment.topk(min(TOP_K, alignment.shape[2]), dim=2)
    return torch.zeros_like(allowed).scatter_(2, best, True) & allowed


def _one_object_each(chosen: Tensor, overlap: Tensor) -> Tensor:
    """Leaves a cell that several objects chose to the one it overlaps most."""
    contested = chosen.sum(1, keepdim=True) > 1
    nearest = torch.zeros_like(chosen).scatter_(1, (overlap * chosen).argmax(1, keepdim=True), True)
    return torch.where(contested, nearest & chosen, chosen)


def _strength(alignment: Tensor, overlap: Tensor) -> Tensor:
    """The class target of each cell, [batch, cells]."""
    largest = alignment.amax(2, keepdim=True)
    return (alignment * overlap.amax(2, keepdim=True) / (largest + EPS)).amax(1)
