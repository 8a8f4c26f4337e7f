"""Windows that move over a map: how far each side of a convolution's or a pooling's input is padded.

ONNX says it by pads, or by a rule (auto_pad); with ceil_mode the last window may reach over the padded edge. Here both
become the rows and columns that the outputs, of known size, make use of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

Sides = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window over height and width.

    Attributes:
        kernel: height and width.
        strides: down and right.
        dilations: down and right.
        pads: (top, bottom), (left, right).
    """

    kernel: Sides
    strides: Sides
    dilations: Sides
    pads: tuple[Sides, Sides]

    @classmethod
    def bare(cls, kernel: Sides, strides: Sides = (1, 1), dilations: Sides = (1, 1)) -> Window:
        """A window that nothing is padded for."""
        return cls(kernel, strides, dilations, ((0, 0), (0, 0)))

    @property
    def spans(self) -> Sides:
        """Rows and columns that the window reaches over."""
        first, second = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        return first, second


def window_of(node: ir.Node, kernel: Sequence[int], shape: Sequence[int], out: Sequence[int]) -> Window:
    """The window of a Conv, MaxPool or AveragePool.

    Args:
        node: the operator.
        kernel: height and width of the window.
        shape: shape of the input, NCHW.
        out: shape of the output, NCHW.

    Raises:
        ValueError: it is no window over two axes, or its pads are negative; in words that go behind the operator's
            name, since what can be done about it depends on the target.
    """
    if len(shape) != 4 or len(kernel) != 2:
        raise ValueError(f"has {len(shape) - 2} axes of places instead of 2")
    strides, dilations = _two(node, "strides"), _two(node, "dilations")
    bare = Window.bare((kernel[0], kernel[1]), strides, dilations)
    totals = [
        (made - 1) * stride + span - size
        for size, made, span, stride in zip(shape[2:], out[2:], bare.spans, strides, strict=True)
    ]
    top, left = _starts(node, totals)
    pads = (top, max(0, totals[0] - top)), (left, max(0, totals[1] - left))
    return Window(bare.kernel, strides, dilations, pads)


def _starts(node: ir.Node, totals: list[int]) -> Sides:
    """Padding at the top and at the left, in cells of the input."""
    auto = node.attributes.get_string("auto_pad", "NOTSET")
    if auto == "VALID":
        return 0, 0
    if auto == "NOTSET":
        given = list(node.attributes.get_ints("pads", (0, 0, 0, 0)))
        if min(given) < 0:
            raise ValueError("has negative pads")
        return given[0], given[1]
    first, second = (max(0, total) // 2 if auto == "SAME_UPPER" else -(-max(0, total) // 2) for total in totals)
    return first, second


def _two(node: ir.Node, name: str) -> Sides:
    first, second = node.attributes.get_ints(name, (1, 1))
    return int(first), int(second)
