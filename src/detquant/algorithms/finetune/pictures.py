"""The images that a network learns from, as tensors: held in memory as far as they fit, else read again each time."""

from __future__ import annotations

import numpy as np
import torch

from detquant.algorithms.finetune.labels import Boxes, Label
from detquant.calibration import Images
from detquant.data.objects import Objects
from detquant.errors import CalibrationError

IN_MEMORY = 512 << 20
"""Bytes of images that are held at most."""


class Pictures:
    """Images by their places.

    Attributes:
        labels: what is known of each; nothing where nobody asks.

    Args:
        images: the images.
        places: those of them that there are.
        device: where they are needed.
        labelled: whether labels are asked for.

    Raises:
        CalibrationError: they are several tensors each, which no network that is trained here reads.
    """

    def __init__(self, images: Images, places: list[int], device: str, *, labelled: bool) -> None:
        self._images, self._places, self._device = images, places, device
        self.labels: list[Label] = self._known(images.part(places)) if labelled else [None] * len(places)
        first = self._read(0)
        size = first.nelement() * first.element_size() * len(places)
        self._held = [self._read(k) for k in range(len(places))] if size <= IN_MEMORY else None

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> torch.Tensor:
        """The image at a place, as the network reads it."""
        return self._held[place] if self._held is not None else self._read(place)

    def first(self, count: int) -> list[torch.Tensor]:
        """The first ones."""
        return [self[k] for k in range(min(count, len(self)))]

    def _known(self, images: Images) -> list[Label]:
        pairs = zip(images.labels, images.objects, strict=True)
        return [self._boxes(objects) if label is None and objects else label for label, objects in pairs]

    def _boxes(self, objects: Objects) -> Boxes:
        xyxy, class_id = torch.from_numpy(objects.xyxy), torch.from_numpy(objects.class_id)
        return Boxes(xyxy.to(self._device), class_id.to(self._device))

    def _read(self, place: int) -> torch.Tensor:
        [feed] = self._images.part([self._places[place]])
        if len(feed) != 1:
            raise CalibrationError(
                f"The network reads {len(feed)} tensors ({', '.join(feed)}), and the step 'finetune' trains networks "
                f"of one image: leave the step out of the recipe."
            )
        [data] = feed.values()
        return torch.from_numpy(np.array(data, np.float32)).to(self._device)
