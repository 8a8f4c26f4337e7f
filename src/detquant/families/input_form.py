"""How an image becomes a network input: size, order of the channels, grey levels. Facts, so that others can be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from detquant.families.geometry import Geometry
from detquant.families.letterbox import as_tensor, letterbox_centred, letterbox_top_left, stretch, stretch_from_corner
from detquant.numerics.arrays import Floats, Pixels

Triple = tuple[float, float, float]
Resize = Callable[[Pixels, int, int], tuple[Pixels, Geometry]]

RESIZES: Mapping[str, Resize] = {
    "letterbox": letterbox_centred,
    "letterbox-128": partial(letterbox_centred, pad=128),
    "letterbox-top-left": letterbox_top_left,
    "letterbox-top-left-0": partial(letterbox_top_left, pad=0),
    "stretch": stretch,
    "stretch-from-corner": stretch_from_corner,
}
"""Ways to resize by name: centred on grey 114 (Ultralytics) or 128 (Darknet), in the top left corner (YOLOX; on
black DAMO-YOLO), aspect not kept (by pixels' middles as OpenCV does, or by their corners as TensorFlow 1)."""


class Form(Protocol):
    """The protocol of a form: how an image becomes a network input.

    Attributes:
        resize: a key of RESIZES, or "crop".
        rgb: order of the channels; False means BGR.
        mean: means of the channels in that order, grey levels of 0 to 255.
        std: standard deviations, as `mean`; the input is (x - mean) / std.
    """

    @property
    def resize(self) -> str: ...  # noqa: D102
    @property
    def rgb(self) -> bool: ...  # noqa: D102
    @property
    def mean(self) -> Triple: ...  # noqa: D102
    @property
    def std(self) -> Triple: ...  # noqa: D102

    def __call__(self, image: Pixels, height: int, width: int) -> tuple[Floats, Geometry]:
        """Makes a network input.

        Args:
            image: uint8 [h, w, 3], BGR.
            height: height of the input, pixels.
            width: width of the input, pixels.

        Returns:
            float32 [1, 3, height, width], and how the image was mapped.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeImage:
    """A form that shows the network all of the image; for the attributes see `Form`."""

    rgb: bool
    resize: str = "stretch"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)

    def __call__(self, image: Pixels, height: int, width: int) -> tuple[Floats, Geometry]:
        """Makes a network input that shows all of the image; see `Form.__call__`."""
        canvas, geometry = RESIZES[self.resize](image, height, width)
        return as_tensor(canvas, rgb=self.rgb, mean=self.mean, std=self.std), geometry
