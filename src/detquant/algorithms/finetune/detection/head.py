"""YOLOv8's head in a network: where it says classes and distances, and where its cells lie.

A sigmoid makes scores of the logits of classes, one row for each cell, and a softmax makes bins of four distances from
the cell's centre, in strides (Generalized Focal Loss, Li et al. 2020). How these numbers are laid out, and where the
cells lie, is in the graph's constants and differs between exports; it is found from what the float model gives. With
distances l, t, r, b and boxes x1, y1, x2, y2 of some images

    x2 - x1 = (l + r) stride        x1 = cx - l stride

so each cell's stride is found by least squares, and then its centre. Nothing is taken for granted: these must give the
boxes and scores of the float model again, else the head is of another form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch

from detquant.algorithms.damage import Heads
from detquant.algorithms.finetune.detection.loss import Predictions, boxes_of, distances_of
from detquant.algorithms.finetune.network import Network, Reader
from detquant.algorithms.finetune.readers import OF_DETECTOR, SIGMOID, SOFTMAX
from detquant.algorithms.reconstruction.twin import Values
from detquant.numerics.arrays import Array

SIDES = 4
NEAR = 0.02
"""How far scores may be from the float model's, and boxes, in strides: runtimes round differently."""
FRACTION = 64
"""Centres and strides are multiples of one part in so many of a pixel."""
Examples = Sequence[tuple[torch.Tensor, Mapping[str, Array]]]
"""Images, one each, and what the float model gives for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Where a network says classes and distances, and where its cells lie.

    Attributes:
        scores: gives logits of classes.
        bins: gives bins of distances.
        classes: number of classes.
        by_cell: whether the numbers of a cell stand beside each other, of the logits and of the bins.
        centres: of the cells, ``[cells, 2]``, in strides.
        strides: ``[cells, 1]``, pixels.
    """

    scores: Reader
    bins: Reader
    classes: int
    by_cell: tuple[bool, bool]
    centres: torch.Tensor
    strides: torch.Tensor

    def predictions(self, tails: Sequence[Values]) -> Predictions:
        """What the cells say.

        Args:
            tails: what the network's tail gives, of all images together or of each.
        """
        cells, (of_logits, of_bins) = len(self.centres), self.by_cell
        logits = torch.cat([_rows(tail[self.scores.node], cells, self.classes, of_logits) for tail in tails])
        bins = torch.cat([_bins(tail[self.bins.node], self.bins.axis, cells, of_bins) for tail in tails])
        return Predictions(logits, bins, self.centres, self.strides)


def find_head(network: Network, heads: Heads, examples: Examples) -> Head | None:
    """The head of a network; None where it is of another form.

    Args:
        network: both nets.
        heads: reads what the float model gives.
        examples: some images and what the float model gives for them.
    """
    if sorted(reader.kind for reader in network.readers) != OF_DETECTOR:
        return None
    by_kind = {reader.kind: reader for reader in network.readers}
    scores, bins = by_kind[SIGMOID], by_kind[SOFTMAX]
    with torch.no_grad():
        tails = [tail for image, _ in examples for tail in network.exact(image)[1]]
    device = tails[0][scores.node].device
    told = torch.stack([torch.from_numpy(heads.scores(outputs)).to(device) for _, outputs in examples])
    boxes = torch.stack([torch.from_numpy(heads.boxes(outputs)).to(device) for _, outputs in examples])
    _, cells, classes = told.shape
    for of_logits, of_bins in product((False, True), repeat=2):
        try:
            logits = torch.cat([_rows(tail[scores.node], cells, classes, of_logits) for tail in tails])
            spread = torch.cat([_bins(tail[bins.node], bins.axis, cells, of_bins) for tail in tails])
        except RuntimeError:  # other numbers than that many cells have
            return None
        if len(logits) != len(told) or len(spread) != len(told) or not _near(logits.sigmoid(), told):
            continue
        said = Predictions(logits, spread, *_cells(distances_of(spread), boxes))
        if _near(boxes_of(said), boxes / said.strides):
            return Head(scores, bins, classes, (of_logits, of_bins), said.centres, said.strides)
    return None


def _rows(data: torch.Tensor, cells: int, width: int, by_cell: bool) -> torch.Tensor:
    """The numbers of each cell, ``[images, cells, width]``."""
    return data.reshape(-1, cells, width) if by_cell else data.reshape(-1, width, cells).transpose(1, 2)


def _bins(data: torch.Tensor, axis: int, cells: int, by_cell: bool) -> torch.Tensor:
    """The bins of each cell, ``[images, cells, 4, bins]``."""
    last = data.movedim(axis, -1)
    count = last.shape[-1]
    if by_cell:
        return last.reshape(-1, cells, SIDES, count)
    return last.reshape(-1, SIDES, cells, count).transpose(1, 2)


def _cells(distances: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres in strides ``[cells, 2]`` and strides in pixels ``[cells, 1]``, from ``[images, cells, 4]`` of both."""
    spans, sizes = distances[..., :2] + distances[..., 2:], boxes[..., 2:] - boxes[..., :2]
    found = (spans * sizes).sum(dim=(0, 2)) / spans.square().sum(dim=(0, 2)).clamp(min=1e-9)
    strides = _rounded(found).clamp(min=1.0 / FRACTION)[:, None]
    low, high = boxes[..., :2] + distances[..., :2] * strides, boxes[..., 2:] - distances[..., 2:] * strides
    return _rounded((low + high).mean(0) / 2) / strides, strides


def _rounded(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels * FRACTION).round() / FRACTION


def _near(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return bool((found - wanted).abs().max() <= NEAR)
