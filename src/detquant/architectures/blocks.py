"""The blocks YOLOv8 is made of; attributes are named as in Ultralytics' checkpoints, so their weights load by name.

Shapes are [batch, channels, height, width].
"""

# torch is untyped where it is not installed, and its modules are made to be subclassed
# mypy: allow-subclassing-any

from __future__ import annotations

import torch
from torch import Tensor, nn

BN_EPS, BN_MOMENTUM = 1e-3, 0.03


class Conv(nn.Module):
    """Convolution without bias, BatchNorm, SiLU; odd kernels are padded so that stride 1 keeps the size."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels_out, h / stride, w / stride]."""
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, with the input added where `shortcut` asks for it."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, 3)
        self.cv2 = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels, h, w] to the same shape."""
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Cross-stage partial block: half of the channels go through a chain of bottlenecks, every stage is kept."""

    def __init__(self, channels_in: int, channels_out: int, repeats: int, shortcut: bool) -> None:
        super().__init__()
        hidden = channels_out // 2
        self.cv1 = Conv(channels_in, 2 * hidden)
        self.cv2 = Conv((2 + repeats) * hidden, channels_out)
        self.m = nn.ModuleList(Bottleneck(hidden, shortcut) for _ in range(repeats))

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels_out, h, w]."""
        stages = list(self.cv1(x).chunk(2, 1))
        for bottleneck in self.m:
            stages.append(bottleneck(stages[-1]))
        return self.cv2(torch.cat(stages, 1))


class SPPF(nn.Module):
    """Spatial pyramid pooling, fast: three 5x5 max-poolings in a row see 5, 9 and 13 cells."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 5) -> None:
        super().__init__()
        hidden = channels_in // 2
        self.cv1 = Conv(channels_in, hidden)
        self.cv2 = Conv(4 * hidden, channels_out)
        self.m = nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels_in, h, w] to [b, channels_out, h, w]."""
        scales = [self.cv1(x)]
        for _ in range(3):
            scales.append(self.m(scales[-1]))
        return self.cv2(torch.cat(scales, 1))
