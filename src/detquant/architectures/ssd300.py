"""SSD300 (Liu et al., SSD, 2016) with a ResNet for its trunk, as in PyTorch/Detection/SSD of DeepLearningExamples.

A ResNet up to its third stage, which keeps the size here, gives the first map, 38x38; five blocks give smaller ones,
down to one cell. From each map two convolutions tell the codes of the default boxes and the logits of their labels.
Attributes are named as in NVIDIA's checkpoints.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from detquant.architectures.torchvision_resnet import TorchvisionResNet

SIDES = 4  # numbers that tell a box
WIDTHS = (1024, 512, 512, 256, 256, 256)  # channels of the maps
INNER_WIDTHS = (256, 256, 128, 128, 128)  # channels inside the block in front of each map but the first
HALVING = (True, True, True, False, False)  # the last two shrink by their kernel instead: 5 cells to 3, 3 to 1
BOXES = (4, 6, 6, 6, 4, 4)  # default boxes a cell
CONV4_STAGE = 6  # where "layer3" stands among the trunk's modules


class Trunk(nn.Module):
    """A ResNet's stem and first three stages, the third without its stride."""

    def __init__(self, blocks: Sequence[int]) -> None:
        super().__init__()
        resnet = TorchvisionResNet(blocks, bottleneck=True, classes=1)
        self.feature_extractor = nn.Sequential(*list(resnet.children())[: CONV4_STAGE + 1])
        first = self.feature_extractor[CONV4_STAGE][0]
        for convolution in (first.conv1, first.conv2, first.downsample[0]):
            convolution.stride = (1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """[b, 3, h, w] to [b, 1024, h / 8, w / 8], rounded up."""
        return self.feature_extractor(images)


class SSD300(nn.Module):
    """The detector SSD300 with a ResNet for its trunk.

    Args:
        blocks: number of blocks of the trunk's stages; (3, 4, 6) are a ResNet-50's.
        labels: classes and the background.
    """

    def __init__(self, blocks: Sequence[int] = (3, 4, 6), labels: int = 81) -> None:
        super().__init__()
        self.feature_extractor = Trunk(blocks)
        self.additional_blocks = nn.ModuleList(
            _block(reads, inner, gives, halves)
            for (reads, gives), inner, halves in zip(itertools.pairwise(WIDTHS), INNER_WIDTHS, HALVING, strict=True)
        )
        self.loc = nn.ModuleList(_head(width, boxes * SIDES) for width, boxes in zip(WIDTHS, BOXES, strict=True))
        self.conf = nn.ModuleList(_head(width, boxes * labels) for width, boxes in zip(WIDTHS, BOXES, strict=True))
        self.labels = labels

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [b, 4, 8732] and logits [b, labels, 8732] of images [b, 3, 300, 300], RGB, normalised as ImageNet."""
        maps = [self.feature_extractor(images)]
        for block in self.additional_blocks:
            maps.append(block(maps[-1]))
        return _joined(self.loc, maps, SIDES), _joined(self.conf, maps, self.labels)


def _block(reads: int, inner: int, gives: int, halves: bool) -> nn.Sequential:
    wide = (
        nn.Conv2d(inner, gives, 3, stride=2, padding=1, bias=False)
        if halves
        else nn.Conv2d(inner, gives, 3, bias=False)
    )
    return nn.Sequential(
        nn.Conv2d(reads, inner, 1, bias=False),
        nn.BatchNorm2d(inner),
        nn.ReLU(inplace=True),
        wide,
        nn.BatchNorm2d(gives),
        nn.ReLU(inplace=True),
    )


def _head(width: int, values: int) -> nn.Conv2d:
    return nn.Conv2d(width, values, 3, padding=1)


def _joined(heads: nn.ModuleList, maps: Sequence[Tensor], values: int) -> Tensor:
    """Outputs of the heads, [b, values, boxes]: map after map, within it anchor after anchor, then cell after cell."""
    return torch.cat([head(x).reshape(x.shape[0], values, -1) for head, x in zip(heads, maps, strict=True)], 2)
