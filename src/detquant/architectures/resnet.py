"""A small ResNet for 32x32 images (He et al., Deep Residual Learning, 2016, section 4.2), torchvision's names."""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm, added to the input; a 1x1 convolution fits the input where shapes differ."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels, h / stride, w / stride]."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Stages of BasicBlocks, each but the first halving the size, then the mean over the map and one linear layer.

    Args:
        widths: channels of each stage.
        blocks: blocks of each stage.
        classes: number of classes.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64), blocks: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.stages = len(widths)
        reads = widths[0]
        for stage, width in enumerate(widths, start=1):
            strides = [1 if stage == 1 else 2] + [1] * (blocks - 1)
            layer = [BasicBlock(reads if place == 0 else width, width, stride) for place, stride in enumerate(strides)]
            self.add_module(f"layer{stage}", nn.Sequential(*layer))
            reads = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(reads, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, 3, h, w], RGB, 0 to 1."""
        x = self.relu(self.bn1(self.conv1(images)))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.fc(self.avgpool(x).flatten(1))
