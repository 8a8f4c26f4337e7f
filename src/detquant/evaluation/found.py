"""What a model finds in many images, also what it is hardly sure of, in few arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detquant.families import Detections
from detquant.numerics.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The detections of several images, one image after the other: 24 bytes each.

    Attributes:
        starts: int64 [images + 1], where those of each image begin; the last is the number of all.
        xyxy: float32 [n, 4], pixels of the image.
        confidence: float32 [n].
        class_id: int32 [n].
    """

    starts: Ints
    xyxy: Floats
    confidence: Floats
    class_id: Ints

    @classmethod
    def of(cls, images: Iterable[Detections]) -> Found:
        """The detections of these images."""
        several = [(one.xyxy, one.confidence, one.class_id.astype(np.int32)) for one in images]
        boxes, confidence, class_id = zip(*several, strict=True) if several else ((), (), ())
        return cls(
            starts=np.cumsum([0, *map(len, confidence)], dtype=np.int64),
            xyxy=np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
            confidence=np.concatenate([np.zeros(0, np.float32), *confidence]),
            class_id=np.concatenate([np.zeros(0, np.int32), *class_id]),
        )

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.starts) - 1

    @property
    def image(self) -> Ints:
        """int32 [n], the place of the image of each detection."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def at(self, place: int) -> Detections:
        """The detections of one image."""
        one = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return Detections(self.xyxy[one], self.confidence[one], self.class_id[one])

    def above(self, confidence: float) -> list[Detections]:
        """The detections of each image that are of at least this confidence."""
        return [self.at(place).above(confidence) for place in range(len(self))]
