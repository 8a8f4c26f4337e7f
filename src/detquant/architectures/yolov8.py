"""YOLOv8 (Ultralytics, 2023), written anew from its published layout, with the names of its checkpoints.

A state dict of Ultralytics' YOLOv8 detection models loads with `strict=True`. Scale `pico` is our own: small enough
to be trained on two cores in an hour.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from detquant.architectures.blocks import SPPF, C2f, Conv
from detquant.architectures.detect import Detect
from detquant.errors import ModelError, unknown_name


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a member of the family is.

    Attributes:
        depth: multiplies the repeats of C2f.
        width: multiplies channels.
        max_channels: channels are cut to this before `width`.
        box_width: channels in the head's box branch; None for Ultralytics' rule.
        class_width: channels in the head's class branch; None for Ultralytics' rule.
    """

    depth: float
    width: float
    max_channels: int
    box_width: int | None = None
    class_width: int | None = None


SCALES = {
    "pico": Scale(0.33, 0.125, 768, box_width=32, class_width=24),
    "n": Scale(0.33, 0.25, 1024),
    "s": Scale(0.33, 0.50, 1024),
    "m": Scale(0.67, 0.75, 768),
    "l": Scale(1.00, 1.00, 512),
    "x": Scale(1.00, 1.25, 512),
}


class Row(NamedTuple):
    """A layer: what it reads (-1 is the layer before), its kind, channels and repeats at full scale."""

    sources: tuple[int, ...]
    kind: str
    channels: int = 0
    repeats: int = 0


# fmt: off
LAYOUT = (
    Row((-1,), "conv", 64),             # 0  stride 2
    Row((-1,), "conv", 128),            # 1  stride 4
    Row((-1,), "c2f_add", 128, 3),
    Row((-1,), "conv", 256),            # 3  stride 8
    Row((-1,), "c2f_add", 256, 6),
    Row((-1,), "conv", 512),            # 5  stride 16
    Row((-1,), "c2f_add", 512, 6),
    Row((-1,), "conv", 1024),           # 7  stride 32
    Row((-1,), "c2f_add", 1024, 3),
    Row((-1,), "sppf", 1024),           # 9
    Row((-1,), "up"),                   # the neck: down to stride 8 ...
    Row((-1, 6), "concat"),
    Row((-1,), "c2f", 512, 3),          # 12
    Row((-1,), "up"),
    Row((-1, 4), "concat"),
    Row((-1,), "c2f", 256, 3),          # 15
    Row((-1,), "conv", 256),            # ... and up again
    Row((-1, 12), "concat"),
    Row((-1,), "c2f", 512, 3),          # 18
    Row((-1,), "conv", 512),
    Row((-1, 9), "concat"),
    Row((-1,), "c2f", 1024, 3),         # 21
)
# fmt: on
LEVELS = (15, 18, 21)  # the layers that the head reads
MULTIPLE = 8  # of which all widths are, rounded up


class Concat(nn.Module):
    """Joins maps along their channels."""

    def forward(self, *maps: Tensor) -> Tensor:
        """[b, c_i, h, w] of each to [b, sum of c_i, h, w]."""
        return torch.cat(maps, 1)


class YOLOv8(nn.Module):
    """A YOLOv8 detector.

    In training `forward` gives the raw maps of the three levels, [b, 64 + classes, h, w]; in evaluation the output of
    an exported model, [b, 4 + classes, cells]: cx, cy, w, h in input pixels, then class scores 0 to 1.

    Args:
        scale: a key of SCALES, or one of your own.
        classes: number of classes.

    Raises:
        ModelError: there is no such scale.
    """

    def __init__(self, scale: str | Scale = "n", classes: int = 80) -> None:
        super().__init__()
        if isinstance(scale, str):
            if scale not in SCALES:
                raise ModelError(unknown_name("scale of YOLOv8", scale, SCALES))
            scale = SCALES[scale]
        layers: list[Any] = []
        widths: list[int] = []
        for row in LAYOUT:
            reads = [widths[source] for source in row.sources] if widths else [3]
            layer, width = _build(row, reads, scale)
            layers.append(layer)
            widths.append(width)
        head = Detect([widths[level] for level in LEVELS], classes, scale.box_width, scale.class_width)
        self.model = nn.ModuleList([*layers, head])
        self.classes = classes

    def forward(self, images: Tensor) -> list[Tensor] | Tensor:
        """Raw maps or decoded output, see the class.

        Args:
            images: [b, 3, h, w], RGB, 0 to 1; h and w are multiples of 32.
        """
        *layers, head = self.model
        made: list[Tensor] = []
        for row, layer in zip(LAYOUT, layers, strict=True):
            made.append(layer(*(made[source] for source in row.sources)) if made else layer(images))
        return head([made[level] for level in LEVELS])


def _build(row: Row, reads: Sequence[int], scale: Scale) -> tuple[Any, int]:
    """A layer that reads maps of these widths, and the width of what it gives."""
    wanted = min(row.channels, scale.max_channels) * scale.width
    channels = -(-int(wanted) // MULTIPLE) * MULTIPLE if row.channels else sum(reads)
    repeats = max(round(row.repeats * scale.depth), 1)
    return _KINDS[row.kind](sum(reads), channels, repeats), channels


_KINDS: dict[str, Callable[[int, int, int], Any]] = {
    "conv": lambda reads, channels, _: Conv(reads, channels, 3, 2),
    "c2f_add": lambda reads, channels, repeats: C2f(reads, channels, repeats, shortcut=True),
    "c2f": lambda reads, channels, repeats: C2f(reads, channels, repeats, shortcut=False),
    "sppf": lambda reads, channels, _: SPPF(reads, channels),
    "up": lambda *_: nn.Upsample(scale_factor=2, mode="nearest"),
    "concat": lambda *_: Concat(),
}
