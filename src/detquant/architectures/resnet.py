"""A small ResNet for 32x32 images (He et al., Deep Residual Learning, 2016, section 4.2), torchvision's names.

What all ResNets share is here too: the residual block and the run of stages.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

Block = Callable[[int, int, int], nn.Module]  # (channels_in, channels, stride)


def projection(channels_in: int, channels: int, stride: int) -> nn.Module | None:
    """A 1x1 convolution that fits a block's input to its output; None where the shapes are equal."""
    if stride == 1 and channels_in == channels:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm, added to what `shortcut` makes of the input."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def shortcut(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels, h / stride, w / stride]; as it is where these are the same."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels, h / stride, w / stride]."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class BasicBlock(PlainBlock):
    """A block whose shortcut is a 1x1 convolution where shapes differ."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__(channels_in, channels, stride)
        self.downsample = projection(channels_in, channels, stride)

    def shortcut(self, x: Tensor) -> Tensor:
        """A 1x1 convolution where shapes differ; see `PlainBlock.shortcut` for the shapes."""
        return x if self.downsample is None else self.downsample(x)


class Stages(nn.Module):
    """A network with stages of blocks, "layer1" and so on, each but the first halving the size."""

    def add_stages(self, block: Block, reads: int, widths: Sequence[int], blocks: Sequence[int]) -> int:
        """Adds the stages to the network, as modules "layer1" and so on.

        Args:
            block: makes one.
            reads: channels of what the first stage reads.
            widths: channels of each stage.
            blocks: blocks of each stage.

        Returns:
            The channels that the last stage gives.
        """
        self.stages = len(widths)
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            strides = [1 if stage == 1 else 2] + [1] * (count - 1)
            layer = [block(width if place else reads, width, stride) for place, stride in enumerate(strides)]
            self.add_module(f"layer{stage}", nn.Sequential(*layer))
            reads = width
        return reads

    def through_stages(self, x: Tensor) -> Tensor:
        """[b, reads, h, w] to [b, widths[-1], h / 2 ** (stages - 1), w / 2 ** (stages - 1)]."""
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x


class ResNet(Stages):
    """Stages of BasicBlocks, then the mean over the map and one linear layer.

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
        last = self.add_stages(BasicBlock, widths[0], widths, [blocks] * len(widths))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(last, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, 3, h, w], RGB, 0 to 1."""
        x = self.through_stages(self.relu(self.bn1(self.conv1(images))))
        return self.fc(self.avgpool(x).flatten(1))
