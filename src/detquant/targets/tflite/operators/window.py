"""TFLite's two paddings: VALID is none; SAME makes ``ceil(size / stride)`` outputs, the odd pixel at the end.

ONNX gives both sides of each axis. For a stride of 2 over an even size it nearly always differs from SAME: exporters
pad a 3x3 window by one on every side, SAME by nothing at the start and one at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from detquant.graph import window
from detquant.targets.tflite.layout import Shape
from detquant.targets.tflite.site import Site


@dataclass(frozen=True, slots=True)
class Window(window.Window):
    """A window, and how TFLite calls its padding.

    Attributes:
        padding: "VALID", "SAME" where TFLite's comes to the same, or "EXPLICIT".
    """

    padding: str


def window_of(site: Site, kernel: Shape, shape: Shape, out: Shape) -> Window:
    """The window of a convolution or a pooling.

    Args:
        site: the operator.
        kernel: height and width of the window.
        shape: shape of the input, NCHW.
        out: shape of the output, NCHW.

    Raises:
        UnsupportedOperator: it is no window over two axes.
    """
    try:
        found = window.window_of(site.node, kernel, shape, out)
    except ValueError as error:
        raise site.unsupported(str(error)) from error
    return Window(found.kernel, found.strides, found.dilations, found.pads, _padding(found, shape, out))


def _padding(found: window.Window, shape: Shape, out: Shape) -> str:
    if not any(map(any, found.pads)):
        return "VALID"
    same, fits = [], True
    for size, made, span, stride in zip(shape[2:], out[2:], found.spans, found.strides, strict=True):
        least = max(0, (-(-size // stride) - 1) * stride + span - size)
        same.append((least // 2, least - least // 2))
        fits = fits and -(-size // stride) == made
    return "SAME" if fits and tuple(same) == found.pads else "EXPLICIT"
