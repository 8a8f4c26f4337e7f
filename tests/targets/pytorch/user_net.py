"""A torch model as a user has it: a classifier with BatchNorm and a shortcut, exported and quantised."""

# mypy: allow-subclassing-any

from __future__ import annotations

import torch
from torch import nn

SIDE = 16


class Block(nn.Module):
    """A convolution around which there is a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.act = nn.ReLU()

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """Doubles what is there."""
        return data + self.act(self.bn(self.conv(data)))


class Net(nn.Module):
    """Ten classes of 16x16 images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        return self.fc(torch.flatten(self.pool(self.blocks(self.relu(self.stem(images)))), 1))


def made() -> Net:
    """The model with statistics in its BatchNorms, in eval mode."""
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        for _ in range(20):
            net(torch.rand(8, 3, SIDE, SIDE))
    return net.eval()


def example() -> torch.Tensor:
    """An image."""
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
