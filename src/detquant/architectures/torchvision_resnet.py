"""ResNets for ImageNet (He et al., Deep Residual Learning, 2016, table 1), with torchvision's names.

The blocks of three convolutions have their stride in the 3x3 one, as torchvision's have and the paper's do not.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from detquant.architectures.resnet import BasicBlock, Stages, projection

STEM = 64  # channels; the stages have 1, 2, 4 and 8 times as many
EXPANSION = 4  # channels that a bottleneck gives, over those inside it


class BottleneckBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with BatchNorm, added to the input; a 1x1 fits the input where shapes differ."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        inner = channels // EXPANSION
        self.conv1 = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels, h / stride, w / stride]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchvisionResNet(Stages):
    """A stem of stride 4, then stages, each but the first halving the size.

    Args:
        blocks: blocks of each stage; (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) ResNet-34 or, with bottlenecks, 50.
        bottleneck: whether a block has three convolutions instead of two.
        classes: number of classes.
    """

    def __init__(self, blocks: Sequence[int] = (2, 2, 2, 2), bottleneck: bool = False, classes: int = 1000) -> None:
        super().__init__()
        block = BottleneckBlock if bottleneck else BasicBlock
        self.conv1 = nn.Conv2d(3, STEM, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [(STEM << stage) * (EXPANSION if bottleneck else 1) for stage in range(len(blocks))]
        last = self.add_stages(block, STEM, widths, blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(last, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, 3, h, w], RGB, normalised as in training."""
        x = self.through_stages(self.maxpool(self.relu(self.bn1(self.conv1(images)))))
        return self.fc(self.avgpool(x).flatten(1))
