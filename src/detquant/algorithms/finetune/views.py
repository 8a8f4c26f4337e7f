"""Views of an image: what a network may as well be shown, so that few images teach more than themselves.

A view is mirrored with one half of probability, drawn nearer or further by up to a quarter, and its numbers are
stretched and shifted within what the images' own have; what lies outside the image is the image mirrored at its edge.
The float network sees the same view, so no view is wrong: one that is unlike any image only teaches less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

ZOOM, GAIN, SHIFT = 0.25, 0.2, 0.1
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

    def view(self, image: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """A view of one image ``[1, channels, rows, columns]``.

        Args:
            image: the image.
            random: draws it; on the processor, whatever the image is on.
        """
        if not self.drawn:
            return image
        mirrored, zoomed, zoom, gain, shift = torch.rand(5, generator=random).tolist()
        if zoomed < 0.5:
            scale = 1.0 + ZOOM * (2 * zoom - 1)
            across = -scale if mirrored < 0.5 else scale
            turn = torch.tensor([[[across, 0.0, 0.0], [0.0, scale, 0.0]]])
            grid = F.affine_grid(turn, list(image.shape), align_corners=False).to(image.device)
            image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
        elif mirrored < 0.5:
            image = image.flip(3)
        low, high = self.low, self.high
        moved = low + (image - low) * (1.0 + GAIN * (2 * gain - 1)) + (high - low) * SHIFT * (2 * shift - 1)
        return torch.minimum(torch.maximum(moved, low), high)
