"""Whether an image has its channels first, as PyTorch's nets take it, or last, as TensorFlow's and programs have it.

Shapes alone tell: [1, 3, 416, 640] has them first, [1, 416, 640, 3] last. Where both could be meant they are first.
"""

from __future__ import annotations

from collections.abc import Sequence

CHANNELS = (1, 3, 4)
FEWEST_ROWS = 8
"""Fewest rows of an image: [1, 2, 4, 4] is a map of two channels, and no image of two rows."""


def channels_are_last(dims: Sequence[object]) -> bool:
    """Whether the dimensions are those of an image [1, height, width, channels]; what is no number is free."""
    if len(dims) != 4 or dims[3] not in CHANNELS or dims[1] in CHANNELS:
        return False
    return not isinstance(dims[1], int) or dims[1] >= FEWEST_ROWS
