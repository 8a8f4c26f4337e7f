"""The loss of YOLOv8: 7.5 * box (1 - CIoU) + 1.5 * DFL + 0.5 * class (binary cross-entropy).

All three are sums divided by the sum of the class targets, so an image with many objects weighs more than one with
few. DFL is the distribution focal loss (Li et al., Generalized Focal Loss, 2020, eq. 6): cross-entropy to the two
bins beside the true distance, weighted by their nearness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from assignment import Assignment, Objects, assign
from overlap import ciou
from torch import Tensor

from detquant.architectures.detect import REG_MAX, SIDES, cell_centres

BOX_GAIN, CLASS_GAIN, DFL_GAIN = 7.5, 0.5, 1.5


class Losses(NamedTuple):
    """The three parts, with their gains, scalars."""

    box: Tensor
    cls: Tensor
    dfl: Tensor

    def total(self) -> Tensor:
        """What is minimised, a mean over images."""
        return self.box + self.cls + self.dfl


def detection_loss(maps: Sequence[Tensor], objects: Objects) -> Losses:
    """Compares the raw maps of a batch with its objects.

    Args:
        maps: of the three levels, [batch, 4 * REG_MAX + classes, h, w].
        objects: of the batch, boxes in input pixels.
    """
    centres, strides = (part.T for part in cell_centres([(x.shape[2], x.shape[3]) for x in maps]))
    raw = torch.cat([x.flatten(2) for x in maps], 2).transpose(1, 2)
    bins, logits = raw.split((SIDES * REG_MAX, raw.shape[2] - SIDES * REG_MAX), 2)
    bins = bins.unflatten(2, (SIDES, REG_MAX))
    distances = bins.softmax(-1) @ torch.arange(REG_MAX, dtype=bins.dtype)  # [batch, cells, 4], strides
    boxes = torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
    target = assign(logits.detach().sigmoid(), boxes.detach() * strides, centres * strides, objects)
    share = target.scores.sum().clamp(min=1)
    cls = F.binary_cross_entropy_with_logits(logits, target.scores, reduction="sum") / share
    box, dfl = _positive_losses(boxes, bins, centres, strides, target)
    return Losses(BOX_GAIN * box / share, CLASS_GAIN * cls, DFL_GAIN * dfl / share)


def _positive_losses(
    boxes: Tensor, bins: Tensor, centres: Tensor, strides: Tensor, target: Assignment
) -> tuple[Tensor, Tensor]:
    """The sums of 1 - CIoU and of DFL over the positive cells, each weighted by its class target."""
    _, cell = positive = target.positive.nonzero(as_tuple=True)
    weight = target.scores[positive].sum(-1)
    wanted = target.boxes[positive] / strides[cell]
    box = ((1 - ciou(boxes[positive], wanted)) * weight).sum()
    sides = torch.cat([centres[cell] - wanted[:, :2], wanted[:, 2:] - centres[cell]], -1)
    dfl = (distribution_focal_loss(bins[positive], sides).mean(-1) * weight).sum()
    return box, dfl


def distribution_focal_loss(bins: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy to the two bins beside the true distance.

    Args:
        bins: logits [..., REG_MAX].
        distances: [...], in strides; cut to what the bins can say.

    Returns:
        [...].
    """
    distances = distances.clamp(0, REG_MAX - 1 - 0.01)
    below = distances.long()
    upper = distances - below
    log = bins.log_softmax(-1)
    at_below, at_above = (log.gather(-1, place[..., None]).squeeze(-1) for place in (below, below + 1))
    return -(at_below * (1 - upper) + at_above * upper)
