"""The graph's values as tensors of the file: in which orders they lie there, and what makes another order of one.

Values become tensors when they are written, in the order that suits the writer; other orders, and floats of codes, are
made where they are first asked for and kept for the next one who asks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import constant_of
from detquant.graph.values import is_op, static_shape
from detquant.numerics import QuantParams, quantize
from detquant.numerics.arrays import Array
from detquant.targets.tflite.file import File, Tensor
from detquant.targets.tflite.layout import Order, Shape, moves, moves_nothing, plain, stored


class Values:
    """The tensors of the file in which the values of a graph lie.

    Attributes:
        file: the file that is written.
        half: whether weights are float16.
    """

    def __init__(self, file: File, *, half: bool) -> None:
        self.file, self.half = file, half
        self._views: dict[ir.Value, dict[Order, Tensor]] = {}

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._views

    def give(self, value: ir.Value, order: Order, tensor: Tensor) -> None:
        """Makes known that a value lies in a tensor, in this order."""
        self._views.setdefault(value, {})[order] = tensor

    def order_of(self, value: ir.Value) -> Order:
        """An order in which a value lies in the file, or will."""
        views = self._views.get(value)
        if views:
            return next(iter(views))
        node = value.producer()
        if is_op(node, "DequantizeLinear") and node is not None and node.inputs[0] in self._views:
            return self.order_of(node.inputs[0])
        return plain(len(shape_of(value)))

    def read(self, value: ir.Value, order: Order | None = None) -> Tensor:
        """A tensor with the value, in this order or in any."""
        views = self._views.get(value)
        if not views:
            views = self._views[value] = self._first_view(value, order)
        if order is None:
            return next(iter(views.values()))
        if order not in views:
            have, tensor = next(iter(views.items()))
            views[order] = self.turned(tensor, shape_of(value), have, order)
        return views[order]

    def turned(self, tensor: Tensor, shape: Shape, have: Order, want: Order) -> Tensor:
        """A tensor in another order, as cheaply as can be."""
        if have == want:
            return tensor
        name = self.file.name_of(tensor)
        made = self.file.tensor(f"{name}/turned", stored(shape, want), tensor.dtype, tensor.grid)
        if moves_nothing(shape, have, want):
            self.reshape(tensor, made)
        else:
            perm = self.file.constant("permutation", np.array(moves(have, want), np.int32))
            self.file.operator("TRANSPOSE", [tensor, perm], [made])
        return made

    def reshape(self, tensor: Tensor, made: Tensor) -> None:
        """Writes the same numbers in another shape."""
        shape = self.file.constant("shape", np.array(made.shape, np.int32))
        self.file.operator("RESHAPE", [tensor, shape], [made])

    def _first_view(self, value: ir.Value, order: Order | None) -> dict[Order, Tensor]:
        known = constant_of(value)
        if known is not None:
            order = order or plain(known.ndim)
            return {order: self.file.constant(value.name or "constant", float32(known.transpose(order)))}
        node = value.producer()
        assert node is not None and is_op(node, "DequantizeLinear") and node.inputs[0] is not None, value
        codes = node.inputs[0]
        order = order or self.order_of(codes)
        tensor = self.read(codes, order)
        made = self.file.tensor(value.name or "float", tensor.shape, "float32")
        self.file.operator("DEQUANTIZE", [tensor], [made])
        return {order: made}


def shape_of(value: ir.Value) -> Shape:
    """The static shape of a value.

    Raises:
        UnsupportedOperator: it has none.
    """
    shape = static_shape(value)
    if shape is None:
        node = value.producer()
        who = f"{node.op_type} '{node.name}'" if node is not None else "the model's input"
        raise UnsupportedOperator(
            f"The shape of '{value.name}', which comes from {who}, depends on the image: LiteRT needs shapes that are "
            f"known, so give the image's size with --imgsz or leave that operator out of the graph."
        )
    return shape


def codes_of(array: Array, grid: QuantParams) -> Array:
    """The codes of real numbers on a grid, in its own type."""
    return quantize(array, grid).astype(str(grid.qtype))


def float32(array: Array) -> Array:
    """Numbers as TFLite computes with them."""
    return array.astype(np.float32) if array.dtype in (np.float64, np.float16) else array


def widths(shape: Sequence[int], rank: int) -> Shape:
    """A shape with axes of length 1 before it, so that it has this rank: what broadcasting means."""
    return (*[1] * (rank - len(shape)), *map(int, shape))
