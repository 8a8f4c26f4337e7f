"""The loss of labels, beside that of what the float model says: of classes, and of boxes.

A classifier's is the cross-entropy of its logits, before or behind a softmax; a detector's is YOLOv8's, for heads of
its form (`finetune.detection`). An image whose label nobody knows adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import fx
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from detquant.algorithms.damage import Heads
from detquant.algorithms.finetune.detection.assignment import Objects
from detquant.algorithms.finetune.detection.head import Examples, Head, find_head
from detquant.algorithms.finetune.detection.loss import detection_loss
from detquant.algorithms.finetune.network import Network
from detquant.algorithms.finetune.readers import OF_CLASSIFIER
from detquant.algorithms.reconstruction.twin import Values


class Boxes(NamedTuple):
    """The labelled objects of an image.

    Attributes:
        xyxy: ``[objects, 4]``, input pixels.
        class_id: int64 ``[objects]``.
    """

    xyxy: torch.Tensor
    class_id: torch.Tensor


Label = int | Boxes | None
"""What is known of an image: its class, its objects, or nothing."""


class LabelLoss(Protocol):
    """How far a network is from labels."""

    def __call__(self, values: Values, tails: Sequence[Values], truth: Sequence[Label]) -> torch.Tensor:
        """One number, the mean over images whose label is known.

        Args:
            values: what the network's body gives, of all images.
            tails: what its tail gives, of all together or of each image.
            truth: the label of each image.
        """
        ...


class ClassLoss:
    """Cross-entropy of a classifier.

    Args:
        node: gives its logits.
        skipped: how many of them stand before the first class, such as one of background.
    """

    def __init__(self, node: fx.Node, skipped: int = 0) -> None:
        self._node, self._skipped = node, skipped

    def __call__(self, values: Values, tails: Sequence[Values], truth: Sequence[Label]) -> torch.Tensor:
        """See `LabelLoss`."""
        inside = [tail[self._node] for tail in tails if self._node in tail]
        logits = (torch.cat(inside) if inside else values[self._node]).flatten(1)
        known = [(place, label) for place, label in enumerate(truth) if isinstance(label, int)]
        if not known:
            return 0.0 * logits.sum()
        labels = torch.tensor([label for _, label in known], device=logits.device)
        return F.cross_entropy(logits[[place for place, _ in known], self._skipped :], labels)


class BoxLoss:
    """The loss of a detector with YOLOv8's head.

    Args:
        head: where the network says classes and distances.
    """

    def __init__(self, head: Head) -> None:
        self._head = head

    def __call__(self, values: Values, tails: Sequence[Values], truth: Sequence[Label]) -> torch.Tensor:
        """See `LabelLoss`."""
        said = self._head.predictions(tails)
        known = [(place, label) for place, label in enumerate(truth) if isinstance(label, Boxes)]
        if not known:
            return 0.0 * said.logits.sum()
        places = [place for place, _ in known]
        said = said._replace(logits=said.logits[places], bins=said.bins[places])
        return detection_loss(said, together([label for _, label in known])).total()


def together(labels: Sequence[Boxes]) -> Objects:
    """The objects of several images as one batch."""
    real = [torch.ones_like(one.class_id, dtype=torch.bool) for one in labels]
    parts = ([one.xyxy for one in labels], [one.class_id for one in labels], real)
    boxes, class_id, there = (pad_sequence(part, batch_first=True) for part in parts)
    return Objects(boxes, class_id, there)


def label_loss(network: Network, logits: fx.Node | None, heads: Heads | None, examples: Examples) -> LabelLoss | None:
    """The loss of labels for a network; None where none is known for its heads.

    Args:
        network: both nets.
        logits: the head of a classifier without a softmax; None for any other network.
        heads: reads what the float model gives; None where nobody can.
        examples: some images and what the float model gives for them.
    """
    if logits is None and [reader.kind for reader in network.readers] == OF_CLASSIFIER:
        logits = network.readers[0].node
    if logits is not None:
        return ClassLoss(logits, 0 if heads is None else _skipped(logits, network, heads, examples))
    head = find_head(network, heads, examples) if heads is not None else None
    return None if head is None else BoxLoss(head)


def _skipped(logits: fx.Node, network: Network, heads: Heads, examples: Examples) -> int:
    """How many logits stand before those of classes: a family may leave out the first ones."""
    image, outputs = examples[0]
    with torch.no_grad():
        values, tails = network.exact(image)
    found = tails[0][logits] if tails and logits in tails[0] else values[logits]
    return int(found.nelement() - heads.scores(outputs).shape[1])
