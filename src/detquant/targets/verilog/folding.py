"""Images folded: pixels that a first layer's stride steps over lie in lanes that would be empty else.

An image has three channels, and a word has room for sixteen. A convolution of stride ``s`` over it is one of stride 1
over a map of ``s^2`` times the channels and an ``s``-th of the rows and columns (space to depth):

    folded[(py s + px) c_in + c, Y, X] = image[c, s Y + py, s X + px]

A place ``k`` of the window, less the pad, is ``s Y + p``; weights go to ``Y`` of the new window, in the lanes of ``p``.
The 3 x 3 window of stride 2 becomes one of 2 x 2: 4 steps for each place instead of 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.operators import Convolution, IntegerOperator

Numbers = npt.NDArray[Any]


def fold_for(readers: list[IntegerOperator], channels: int, icp: int) -> int:
    """By how much an image is folded: the stride of the convolution that alone reads it, or 1.

    Args:
        readers: who reads the image.
        channels: of the image.
        icp: channels of a word.
    """
    only = readers[0] if len(readers) == 1 else None
    if not isinstance(only, Convolution) or only.groups != 1 or only.stuffing != (1, 1):
        return 1
    stride, window = only.window.strides[0], only.window
    if stride < 2 or window.strides != (stride, stride) or window.dilations != (1, 1):
        return 1
    folded = folded_window(window, stride)
    before = -(-channels // icp) * window.kernel[0] * window.kernel[1]
    after = -(-channels * stride * stride // icp) * folded.kernel[0] * folded.kernel[1]
    return stride if after < before else 1


def folded_window(window: Window, fold: int) -> Window:
    """The window over the folded image. Only the pads above and to the left are meant."""
    starts = [-(pad[0] // -fold) for pad in window.pads]
    down, right = (
        (k - 1 - pad[0]) // fold + start + 1 for k, pad, start in zip(window.kernel, window.pads, starts, strict=True)
    )
    return Window((down, right), (1, 1), (1, 1), ((starts[0], 0), (starts[1], 0)))


def folded_weights(weights: Numbers, window: Window, fold: int) -> Numbers:
    """Weights ``[out, in * fold^2, kh, kw]`` for the folded image."""
    out, channels, height, width = weights.shape
    around = folded_window(window, fold)
    (top, _), (left, _) = around.pads
    made = np.zeros((out, fold, fold, channels, *around.kernel), weights.dtype)
    for ky in range(height):
        y, py = divmod(ky - window.pads[0][0], fold)
        for kx in range(width):
            x, px = divmod(kx - window.pads[1][0], fold)
            made[:, py, px, :, y + top, x + left] = weights[:, :, ky, kx]
    return made.reshape(out, fold * fold * channels, *around.kernel)


def folded_codes(codes: Numbers, fold: int, zero: int) -> Numbers:
    """Codes ``[1, in * fold^2, rows, columns]`` of an image; where it does not divide, it is continued with zero."""
    _, channels, height, width = codes.shape
    rows, columns = -(-height // fold), -(-width // fold)
    ends = ((0, 0), (0, 0), (0, rows * fold - height), (0, columns * fold - width))
    whole = np.pad(codes, ends, constant_values=zero)
    split = whole.reshape(channels, rows, fold, columns, fold).transpose(2, 4, 0, 1, 3)
    return split.reshape(1, fold * fold * channels, rows, columns)
