"""Windows that move over a map: where ONNX and TFLite pad.

TFLite knows two paddings. VALID is none; SAME makes ``ceil(size / stride)`` outputs, the odd pixel at the end. ONNX
gives both sides of each axis. For a stride of 2 over an even size it nearly always differs from SAME: exporters pad
a 3x3 window by one on every side, SAME by nothing at the start and one at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from detquant.targets.tflite.layout import Shape
from detquant.targets.tflite.site import Site

Sides = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window over height and width.

    Attributes:
        kernel: height and width.
        strides: down and right.
        dilations: down and right.
        pads: (top, bottom), (left, right), as they are needed for the outputs that there are.
        padding: "VALID", "SAME" where TFLite's comes to the same, or "EXPLICIT".
    """

    kernel: Sides
    strides: Sides
    dilations: Sides
    pads: tuple[Sides, Sides]
    padding: str


def window_of(site: Site, kernel: Shape, shape: Shape, out: Shape) -> Window:
    """The window of a convolution or a pooling.

    Args:
        site: the operator.
        kernel: its height and width.
        shape: of the input, NCHW.
        out: of the output, NCHW.

    Raises:
        UnsupportedOperator: it is no window over two axes.
    """
    if len(shape) != 4 or len(kernel) != 2:
        raise site.unsupported(f"has {len(shape) - 2} axes of places instead of 2")
    strides, dilations = _two(site, "strides"), _two(site, "dilations")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    starts = _starts(site, shape, out, spans, strides)
    pads, same = [], []
    for size, made, span, stride, start in zip(shape[2:], out[2:], spans, strides, starts, strict=True):
        total = (made - 1) * stride + span - size
        pads.append((start, max(0, total - start)))
        least = max(0, (-(-size // stride) - 1) * stride + span - size)
        same.append((least // 2, least - least // 2))
    fits = all(-(-size // stride) == made for size, made, stride in zip(shape[2:], out[2:], strides, strict=True))
    padding = "VALID" if not any(map(any, pads)) else "SAME" if fits and pads == same else "EXPLICIT"
    return Window((kernel[0], kernel[1]), strides, dilations, (pads[0], pads[1]), padding)


def _starts(site: Site, shape: Shape, out: Shape, spans: list[int], strides: Sides) -> list[int]:
    """What is padded at the top and at the left."""
    auto = site.attributes.get_string("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        given = list(site.attributes.get_ints("pads", (0, 0, 0, 0))) if auto == "NOTSET" else [0, 0, 0, 0]
        if min(given) < 0:
            raise site.unsupported("has negative pads")
        return given[:2]
    totals = [
        max(0, (made - 1) * stride + span - size)
        for size, made, span, stride in zip(shape[2:], out[2:], spans, strides, strict=True)
    ]
    return [total // 2 if auto == "SAME_UPPER" else -(-total // 2) for total in totals]


def _two(site: Site, name: str) -> Sides:
    first, second = site.attributes.get_ints(name, (1, 1))
    return int(first), int(second)
