"""What a model takes besides its image: sizes, which some exporters leave to whoever runs it.

PaddleDetection's models take how far the image was scaled, and some of them the size that it then had; the deploy form
of RT-DETR, D-FINE and DEIM takes the size of the original image. By these the graph maps its boxes onto that image.
Each is given what stands for an image of the very size of the input, so boxes come out in pixels of the input, as of
all models, and `Geometry` maps them back: the same boxes, for the mapping is linear, and suppression by the overlap of
two boxes, which scaling does not change.

A place that takes images alone (`Target.keeps_ends` says so) gets a graph with these numbers in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Given = Mapping[str, Array]
"""An array for each input besides the image, by name."""

KNOWN: Mapping[str, Callable[[int, int], tuple[float, float]]] = {
    "im_shape": lambda height, width: (height, width),
    "scale_factor": lambda height, width: (1.0, 1.0),  # of y and x
    "orig_target_sizes": lambda height, width: (width, height),
}
"""Inputs by name, [1, 2] each: what they are given for an input of a height and a width."""
USUAL = {"orig_target_sizes": "int64"}
"""Element types, where they are not float32."""


def given_inputs(names: Mapping[str, tuple[int | str | None, ...]], height: int, width: int) -> Given | None:
    """What is given to inputs besides the image; None where one of them is of an unknown name or shape.

    Args:
        names: their shapes by name.
        height: height of the image input, pixels.
        width: width of the image input, pixels.
    """
    if any(name not in KNOWN or shape != (1, 2) for name, shape in names.items()):
        return None
    return {name: np.array([KNOWN[name](height, width)], USUAL.get(name, "float32")) for name in names}
