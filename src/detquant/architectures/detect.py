"""YOLOv8's decoupled head, and how its raw maps become boxes.

A cell tells each side of its box as a distribution over REG_MAX distances 0, 1 ... in units of its stride; the
distance is the expectation (Li et al., Generalized Focal Loss, 2020, eq. 5). With the cell's centre (cx, cy) and the
distances l, t, r, b the box is (cx - l, cy - t, cx + r, cy + b) * stride.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from detquant.architectures.blocks import Conv

REG_MAX, SIDES = 16, 4
STRIDES = (8, 16, 32)
# Biases before the first step: a few objects of a class are expected in an image of this side.
PRIOR_OBJECTS, PRIOR_SIDE = 5, 640


class DFL(nn.Module):
    """Softmax over the bins, then the expectation, written as a fixed 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(REG_MAX, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(REG_MAX, dtype=torch.float32).view(1, REG_MAX, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[b, 4 * REG_MAX, cells] to distances [b, 4, cells], in strides."""
        batch, _, cells = x.shape
        return self.conv(x.view(batch, SIDES, REG_MAX, cells).transpose(1, 2).softmax(1)).view(batch, SIDES, cells)


class Detect(nn.Module):
    """Two branches of convolutions on each level: boxes (`cv2`) and classes (`cv3`).

    Args:
        channels: channels of the three levels, fine to coarse.
        classes: number of classes.
        box_width: channels inside the box branch; None for Ultralytics' rule.
        class_width: channels inside the class branch; None for Ultralytics' rule.
    """

    def __init__(
        self, channels: Sequence[int], classes: int, box_width: int | None = None, class_width: int | None = None
    ) -> None:
        super().__init__()
        self.classes = classes
        box = box_width or max(16, channels[0] // 4, SIDES * REG_MAX)
        label = class_width or max(channels[0], min(classes, 100))
        self.cv2 = nn.ModuleList(_branch(width, box, SIDES * REG_MAX) for width in channels)
        self.cv3 = nn.ModuleList(_branch(width, label, classes) for width in channels)
        self.dfl = DFL()
        for boxes, labels, stride in zip(self.cv2, self.cv3, STRIDES, strict=True):
            boxes[-1].bias.data[:] = 1.0
            labels[-1].bias.data[:] = math.log(PRIOR_OBJECTS / classes / (PRIOR_SIDE / stride) ** 2)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor] | Tensor:
        """Raw maps [b, 4 * REG_MAX + classes, h, w] of each level in training, else `decode` of them."""
        maps = [torch.cat([box(x), label(x)], 1) for x, box, label in zip(levels, self.cv2, self.cv3, strict=True)]
        return maps if self.training else self.decode(maps)

    def decode(self, maps: Sequence[Tensor]) -> Tensor:
        """Decodes raw maps into the output of an exported model.

        Args:
            maps: raw maps, as from `forward` in training.

        Returns:
            [b, 4 + classes, cells]: centre x, centre y, width, height in input pixels, class scores 0 to 1.
        """
        centres, strides = cell_centres([(x.shape[2], x.shape[3]) for x in maps])
        raw = torch.cat([x.flatten(2) for x in maps], 2)
        sides, logits = raw.split((SIDES * REG_MAX, self.classes), 1)
        left_top, right_bottom = self.dfl(sides).chunk(2, 1)
        low, high = centres - left_top, centres + right_bottom
        xywh = torch.cat([(low + high) / 2, high - low], 1) * strides
        return torch.cat([xywh, logits.sigmoid()], 1)


def _branch(channels_in: int, width: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(Conv(channels_in, width, 3), Conv(width, width, 3), nn.Conv2d(width, channels_out, 1))


def cell_centres(sizes: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The centres of all cells, fine to coarse, row by row; constants for a fixed input size.

    Args:
        sizes: (rows, columns) of the map of each stride in STRIDES.

    Returns:
        Centres x, y [2, cells] in strides, and the stride of each cell [1, cells] in pixels.
    """
    centres, strides = [], []
    for (rows, columns), stride in zip(sizes, STRIDES, strict=True):
        x = (torch.arange(columns) + 0.5).repeat(rows)
        y = (torch.arange(rows) + 0.5).repeat_interleave(columns)
        centres.append(torch.stack([x, y]))
        strides.append(torch.full((1, rows * columns), float(stride)))
    return torch.cat(centres, 1), torch.cat(strides, 1)
