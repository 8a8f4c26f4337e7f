"""The loss of YOLOv8: 7.5 * box (1 - CIoU) + 1.5 * DFL + 0.5 * class (binary cross-entropy).

All three are sums divided by the sum of the class targets, so an image with many objects weighs more than one with
few. DFL is the distribution focal loss (Li et al., Generalized Focal Loss, 2020, eq. 6): cross-entropy to the two
bins beside the true distance, weighted by their nearness.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from detquant.algorithms.finetune.detection.assignment import Assignment, Objects, assign
from detquant.algorithms.finetune.detection.overlap import ciou

BOX_GAIN, CLASS_GAIN, DFL_GAIN = 7.5, 0.5, 1.5


class Predictions(NamedTuple):
    """What the cells of a batch say.

    Attributes:
        logits: of the classes, [batch, cells, classes].
        bins: of the distances left, top, right, bottom, [batch, cells, 4, bins]: logits of 0, 1 ... strides.
        centres: of the cells, [cells, 2], in strides.
        strides: pixels, [cells, 1].
    """

    logits: Tensor
    bins: Tensor
    centres: Tensor
    strides: Tensor


class Losses(NamedTuple):
    """The three parts, with their gains, scalars."""

    box: Tensor
    cls: Tensor
    dfl: Tensor

    def total(self) -> Tensor:
        """What is minimised, a mean over images."""
        return self.box + self.cls + self.dfl


def detection_loss(said: Predictions, objects: Objects) -> Losses:
    """Compares what cells say with the objects.

    Args:
        said: what the cells of a batch say.
        objects: of the batch, boxes in input pixels.
    """
    boxes = boxes_of(said)
    pixels = boxes.detach() * said.strides
    target = assign(said.logits.detach().sigmoid(), pixels, said.centres * said.strides, objects)
    share = target.scores.sum().clamp(min=1)
    cls = F.binary_cross_entropy_with_logits(said.logits, target.scores, reduction="sum") / share
    box, dfl = _positive_losses(boxes, said, target)
    return Losses(BOX_GAIN * box / share, CLASS_GAIN * cls, DFL_GAIN * dfl / share)


def boxes_of(said: Predictions) -> Tensor:
    """The boxes of the cells, [batch, cells, 4], xyxy in strides."""
    distances = distances_of(said.bins)
    return torch.cat([said.centres - distances[..., :2], said.centres + distances[..., 2:]], -1)


def distances_of(bins: Tensor) -> Tensor:
    """The distances that bins tell, in strides: their expectation; logits [..., bins] to [...]."""
    return bins.softmax(-1) @ torch.arange(bins.shape[-1], dtype=bins.dtype, device=bins.device)


def _positive_losses(boxes: Tensor, said: Predictions, target: Assignment) -> tuple[Tensor, Tensor]:
    """The sums of 1 - CIoU and of DFL over the positive cells, each weighted by its class target."""
    _, cell = positive = target.positive.nonzero(as_tuple=True)
    weight = target.scores[positive].sum(-1)
    wanted = target.boxes[positive] / said.strides[cell]
    box = ((1 - ciou(boxes[positive], wanted)) * weight).sum()
    sides = torch.cat([said.centres[cell] - wanted[:, :2], wanted[:, 2:] - said.centres[cell]], -1)
    dfl = (distribution_focal_loss(said.bins[positive], sides).mean(-1) * weight).sum()
    return box, dfl


def distribution_focal_loss(bins: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy to the two bins beside the true distance.

    Args:
        bins: logits [..., bins].
        distances: [...], in strides; cut to what the bins can say.

    Returns:
        [...].
    """
    distances = distances.clamp(0, bins.shape[-1] - 1 - 0.01)
    below = distances.long()
    upper = distances - below
    log = bins.log_softmax(-1)
    at_below, at_above = (log.gather(-1, place[..., None]).squeeze(-1) for place in (below, below + 1))
    return -(at_below * (1 - upper) + at_above * upper)
