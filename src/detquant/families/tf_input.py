"""What goes into the detectors of TensorFlow's Object Detection API: RGB, stretched, -1 to 1 or as it is.

Where a graph begins by scaling or shifting its input, it takes pixels of 0 to 255 and brings them to -1 to 1 itself.
Where that step has been folded into the first layer, nothing in the graph tells it: then the file has to say so, by
`detquant.input_range` in its metadata, "0..255" or "-1..1".
"""

from __future__ import annotations

from detquant.families._base import Floats, Geometry, Pixels, Signature
from detquant.families.letterbox import as_tensor, stretch

RANGE_KEY = "detquant.input_range"
PIXELS, UNIT = "0..255", "-1..1"
HALF = 127.5
_SCALES_OR_SHIFTS = frozenset({"Add", "BatchNormalization", "Div", "Mul", "Sub"})


def takes_pixels(signature: Signature) -> bool:
    """Whether the graph wants 0 to 255: the file says so, or the graph scales or shifts before all else."""
    said = signature.metadata.get(RANGE_KEY)
    if said in (PIXELS, UNIT):
        return said == PIXELS
    name, _, _ = signature.image_input()
    return signature.ends.get(name) in _SCALES_OR_SHIFTS


def input_range(pixels: bool) -> dict[str, str]:
    """The entry for the metadata."""
    return {RANGE_KEY: PIXELS if pixels else UNIT}


def tf_input(image: Pixels, height: int, width: int, pixels: bool) -> tuple[Floats, Geometry]:
    """Stretches a BGR image to the input; RGB, 0 to 255 or (x - 127.5) / 127.5.

    Returns:
        float32 [1, 3, height, width], and how the image was mapped.
    """
    canvas, geometry = stretch(image, height, width)
    if pixels:
        return as_tensor(canvas, rgb=True), geometry
    return as_tensor(canvas, rgb=True, mean=(HALF, HALF, HALF), std=HALF), geometry
