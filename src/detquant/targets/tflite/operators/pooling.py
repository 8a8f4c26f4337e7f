"""MaxPool and AveragePool.

Both leave out what is padded: TFLite's SAME looks only at what is inside. Other padding of a maximum is PADV2 with the
smallest number there is, PAD where that is zero; of an average, zeros that count, which ONNX has to ask for.
"""

from __future__ import annotations

import numpy as np

from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.layout import channels_last
from detquant.targets.tflite.operators.convolution import padded
from detquant.targets.tflite.operators.window import Window, window_of
from detquant.targets.tflite.site import Site

LOWEST = float(np.finfo(np.float32).min)


def max_pool(site: Site) -> None:
    """Lowers MaxPool to MAX_POOL_2D."""
    window = _window(site)
    x = site.read(0, channels_last(4))
    if window.padding == "EXPLICIT":
        x = _padded_with_lowest(site, x, window)
    _pool(site, "MAX_POOL_2D", x, window)


def average_pool(site: Site) -> None:
    """Lowers AveragePool to AVERAGE_POOL_2D."""
    window, counts = _window(site), bool(site.attributes.get_int("count_include_pad", 0))
    x = site.read(0, channels_last(4))
    if window.padding == "EXPLICIT" and not counts:
        raise site.unsupported(f"averages over a border of {window.pads} that does not count")
    if counts and window.padding == "SAME":
        window = Window(window.kernel, window.strides, window.dilations, window.pads, "EXPLICIT")
    _pool(site, "AVERAGE_POOL_2D", padded(site, x, window) if counts else x, window)


def _window(site: Site) -> Window:
    kernel = tuple(int(side) for side in site.attributes.get_ints("kernel_shape", ()))
    window = window_of(site, kernel, site.shape(), site.out_shape())
    if max(window.dilations) > 1:
        raise site.unsupported("has dilations")
    if len(site.node.outputs) > 1:
        raise site.unsupported("gives the places of its maxima")
    return window


def _pool(site: Site, name: str, x: Tensor, window: Window) -> None:
    fields = {
        "padding": site.padding("VALID" if window.padding == "EXPLICIT" else window.padding),
        "strideH": window.strides[0],
        "strideW": window.strides[1],
        "filterHeight": window.kernel[0],
        "filterWidth": window.kernel[1],
    }
    site.add(name, [x], [site.result(channels_last(4))], Options("Pool2D", fields))


def _padded_with_lowest(site: Site, x: Tensor, window: Window) -> Tensor:
    (top, bottom), (left, right) = window.pads
    n, h, w, c = x.shape
    made = site.inside("padded", [n, h + top + bottom, w + left + right, c], x)
    sides = site.ints("pads", [[0, 0], [top, bottom], [left, right], [0, 0]])
    if x.grid is not None and int(x.grid.zero_point) == x.grid.qtype.qmin:  # zero is the smallest number there is
        site.add("PAD", [x, sides], [made], Options("Pad", {}))
        return made
    # A number without axes, as TensorFlow writes it and other readers want it.
    lowest = np.array(LOWEST, np.float32) if x.grid is None else np.array(x.grid.qtype.qmin, x.dtype)
    site.add("PADV2", [x, sides, site.file_constant("lowest", lowest, x.grid)], [made], Options("PadV2", {}))
    return made
