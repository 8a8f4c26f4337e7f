"""The loss of YOLOv8 on the raw maps of a batch; see `detquant.algorithms.finetune.detection.loss`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from detquant.algorithms.finetune.detection.assignment import Objects
from detquant.algorithms.finetune.detection.loss import Losses, Predictions, detection_loss
from detquant.architectures.detect import REG_MAX, SIDES, cell_centres


def loss_of_maps(maps: Sequence[Tensor], objects: Objects) -> Losses:
    """Compares the raw maps of a batch with its objects.

    Args:
        maps: of the three levels, [batch, 4 * REG_MAX + classes, h, w].
        objects: of the batch, boxes in input pixels.
    """
    centres, strides = (part.T for part in cell_centres([(x.shape[2], x.shape[3]) for x in maps]))
    raw = torch.cat([x.flatten(2) for x in maps], 2).transpose(1, 2)
    bins, logits = raw.split((SIDES * REG_MAX, raw.shape[2] - SIDES * REG_MAX), 2)
    return detection_loss(Predictions(logits, bins.unflatten(2, (SIDES, REG_MAX)), centres, strides), objects)
