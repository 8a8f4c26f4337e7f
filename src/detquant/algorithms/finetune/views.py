"""Views of an image: what a network may as well be shown, so that few images teach more than themselves.

A view is mirrored with one half of probability, drawn nearer or further by up to a quarter, and its numbers are
stretched and shifted within what the images' own have; what lies outside the image is the image mirrored at its edge.
The float network sees the same view, so no view is wrong: one that is unlike any image only teaches less.

Labelled objects go with their image, which then is drawn nearer and never further: mirrored at its edge, objects would
stand twice, and the second one unlabelled, which a network would learn not to see; grey there is unlike any image, and
taught less. An object of which a view shows less than a tenth, or less than two pixels, is not labelled in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from detquant.algorithms.finetune.labels import Boxes, Label

ZOOM, GAIN, SHIFT = 0.25, 0.2, 0.1
LEAST_SHOWN, LEAST_PIXELS = 0.1, 2.0
"""Share of an object, and pixels of each of its sides, that a view must show."""
COLOURS = (1, 3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Draws views of images of one form.

    Attributes:
        low: smallest number of each channel in any image, ``[1, channels, 1, 1]``.
        high: the largest likewise.
        drawn: whether there are other views than the image itself: it is a map of 1, 3 or 4 colours.
    """

    low: torch.Tensor
    high: torch.Tensor
    drawn: bool

    @classmethod
    def of(cls, images: Iterable[torch.Tensor]) -> Views:
        """The views of these images."""
        low = high = torch.zeros(())
        for k, image in enumerate(images):
            if image.dim() != 4 or image.shape[1] not in COLOURS:
                return cls(low, high, drawn=False)
            least, most = image.amin(dim=(0, 2, 3), keepdim=True), image.amax(dim=(0, 2, 3), keepdim=True)
            low, high = (torch.minimum(low, least), torch.maximum(high, most)) if k else (least, most)
        return cls(low, high, drawn=True)

    def view(self, image: torch.Tensor, label: Label, random: torch.Generator) -> tuple[torch.Tensor, Label]:
        """A view of one image ``[1, channels, rows, columns]``, and what it is labelled with then.

        Args:
            image: the image.
            label: what is known of it.
            random: draws it; on the processor, whatever the image is on.
        """
        if not self.drawn:
            return image, label
        mirrored, zoomed, zoom, gain, shift = torch.rand(5, generator=random).tolist()
        further = -zoom if isinstance(label, Boxes) else 2 * zoom - 1
        scale = 1.0 + ZOOM * further if zoomed < 0.5 else 1.0
        across = -scale if mirrored < 0.5 else scale
        if zoomed < 0.5:
            turn = torch.tensor([[[across, 0.0, 0.0], [0.0, scale, 0.0]]])
            grid = F.affine_grid(turn, list(image.shape), align_corners=False).to(image.device)
            image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
        elif mirrored < 0.5:
            image = image.flip(3)
        if isinstance(label, Boxes):
            label = turned(label, across, image.shape[3], image.shape[2])
        low, high = self.low, self.high
        moved = low + (image - low) * (1.0 + GAIN * (2 * gain - 1)) + (high - low) * SHIFT * (2 * shift - 1)
        return torch.minimum(torch.maximum(moved, low), high), label


def turned(boxes: Boxes, across: float, width: int, height: int) -> Boxes:
    """Boxes as a view shows them, without those that it hardly shows.

    Args:
        boxes: in pixels of the image.
        across: pixels of the image that one of the view has from left to right, below 0 where it is mirrored; as many
            from top to bottom, which is never turned.
        width: of the image, pixels.
        height: likewise.
    """
    side = boxes.xyxy.new_tensor([width, height, width, height])
    scale = boxes.xyxy.new_tensor([across, abs(across), across, abs(across)])
    moved = side / 2 + (boxes.xyxy - side / 2) / scale
    if across < 0:
        moved = moved[:, [2, 1, 0, 3]]
    whole, seen = moved, torch.minimum(moved.clamp(min=0), side)
    sizes, shown = ((one[:, 2:] - one[:, :2]).clamp(min=0) for one in (whole, seen))
    kept = (shown.prod(1) >= LEAST_SHOWN * sizes.prod(1)) & (shown >= LEAST_PIXELS).all(1)
    return Boxes(seen[kept], boxes.class_id[kept])
