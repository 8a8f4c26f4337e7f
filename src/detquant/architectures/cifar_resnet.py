"""ResNets for CIFAR (He et al., Deep Residual Learning, 2016, section 4.2) with shortcuts that have no weights.

Where a stage halves the map, every other row and column is taken, and channels of zeros are put around those that
there are: option A of the paper. Attributes are named as in Y. Idelbayev's checkpoints (pytorch_resnet_cifar10).
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STAGES = 3


class CifarBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm, added to the input; at stride 2 the shortcut is option A."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.stride = stride
        self.padding = (channels - channels_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels, h / stride, w / stride]."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return self.relu(y + x)


class CifarResNet(nn.Module):
    """Three stages of as many blocks: 6 * blocks + 2 layers, so 3 blocks make a ResNet-20.

    Args:
        blocks: of each stage.
        width: channels of the first stage, a multiple of 2; each stage has twice those of the one before.
        classes: number of classes.
    """

    def __init__(self, blocks: int = 3, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        reads = width
        for stage in range(STAGES):
            channels = width << stage
            strides = [1 if stage == 0 else 2] + [1] * (blocks - 1)
            layer = [CifarBlock(channels if place else reads, channels, step) for place, step in enumerate(strides)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layer))
            reads = channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(reads, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, 3, h, w], RGB, normalised as in training."""
        x = self.relu(self.bn1(self.conv1(images)))
        for stage in range(STAGES):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return self.linear(self.avgpool(x).flatten(1))
