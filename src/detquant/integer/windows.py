"""Windows over height and width, as views of a padded map."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from detquant.graph.window import Window

Map = npt.NDArray[Any]


def windows_of(data: Map, window: Window, fill: int) -> Map:
    """The windows of a map ``[n, c, h, w]``: ``[n, c, rows, columns, kh, kw]``, a view of the padded map.

    Args:
        data: the map.
        window: kernel, strides, dilations, and the pads that its outputs make use of.
        fill: the number that padding holds.
    """
    if any(map(any, window.pads)):
        data = np.pad(data, ((0, 0), (0, 0), *window.pads), constant_values=fill)
    views = sliding_window_view(data, window.spans, axis=(2, 3))
    down, right = window.strides
    return views[:, :, ::down, ::right, :: window.dilations[0], :: window.dilations[1]]
