"""ResNets for CIFAR (He et al., Deep Residual Learning, 2016, section 4.2) with shortcuts that have no weights.

Where a stage halves the map, every other row and column is taken, and channels of zeros are put around those that
there are: option A of the paper. Attributes are named as in Y. Idelbayev's checkpoints (pytorch_resnet_cifar10).
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from detquant.architectures.resnet import PlainBlock, Stages

STAGES = 3


class CifarBlock(PlainBlock):
    """A block whose shortcut at stride 2 is option A."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__(channels_in, channels, stride)
        self.stride = stride
        self.padding = (channels - channels_in) // 2

    def shortcut(self, x: Tensor) -> Tensor:
        """Option A: every second pixel, and channels of zeros beside; shapes as in `PlainBlock.shortcut`."""
        if self.stride == 1:
            return x
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))


class CifarResNet(Stages):
    """Three stages of as many blocks: 6 * blocks + 2 layers, so 3 blocks make a ResNet-20.

    Args:
        blocks: number of blocks of each stage.
        width: channels of the first stage, a multiple of 2; each stage has twice those of the one before.
        classes: number of classes.
    """

    def __init__(self, blocks: int = 3, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        last = self.add_stages(CifarBlock, width, [width << stage for stage in range(STAGES)], [blocks] * STAGES)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(last, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, 3, h, w], RGB, normalised as in training."""
        x = self.through_stages(self.relu(self.bn1(self.conv1(images))))
        return self.linear(self.avgpool(x).flatten(1))
