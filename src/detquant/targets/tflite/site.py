"""One operator at the moment it is lowered: what it reads and writes, in floats or in codes.

Functions of `operators` see this and nothing else of the graph, so most of them need not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.on_the_fly import codes_of_weight
from detquant.numerics import INT8, QuantParams, QuantSpec, grid_from_range, quantize
from detquant.targets.tflite.flatbuffer import Array, Options, Tensor
from detquant.targets.tflite.grids import (
    CLAMPS,
    constant_of,
    single_value_grid,
    sink_of,
    source_of,
    stored_codes,
)
from detquant.targets.tflite.layout import Order, Shape, plain, stored
from detquant.targets.tflite.lowering import FUSES, Lowering, float32, shape_of, widths

Bounds = tuple[float | None, float | None]


class Site:
    """One operator.

    Attributes:
        node: in the graph.
        codes: whether it runs on codes.
        on_the_fly: whether its weight is codes and its input real, which the kernel rounds as it runs.
        attributes: of the node.
    """

    def __init__(
        self, lowering: Lowering, node: ir.Node, results: list[ir.Value], *, codes: bool, activation: Bounds | None
    ) -> None:
        self.node, self.codes, self.attributes = node, codes, node.attributes
        self.on_the_fly = not codes and codes_of_weight(node) is not None
        self._lowering, self._results, self._activation = lowering, results, activation
        self._clamped: list[tuple[Tensor, Tensor]] = []

    # What it reads.

    def value(self, position: int = 0) -> ir.Value:
        """An input of the node."""
        value = self.node.inputs[position] if position < len(self.node.inputs) else None
        if value is None:
            raise self.unsupported(f"has no input {position}")
        return value

    def has(self, position: int) -> bool:
        """Whether the node has that input."""
        return position < len(self.node.inputs) and self.node.inputs[position] is not None

    def shape(self, position: int = 0) -> Shape:
        """Of an input, as ONNX has it."""
        return shape_of(self.value(position))

    def constant(self, position: int) -> Array | None:
        """The numbers of an input that is constant."""
        return constant_of(self.value(position)) if self.has(position) else None

    def numbers(self, position: int, what: str) -> list[int]:
        """A constant input of whole numbers.

        Raises:
            UnsupportedOperator: it is computed.
        """
        found = self.constant(position)
        if found is None:
            raise self.unsupported(f"computes its {what} in the graph")
        return [int(number) for number in found.reshape(-1)]

    def order(self, position: int = 0) -> Order:
        """An order in which an input lies in the file."""
        source = source_of(self.value(position)) if self.codes else None
        return self._lowering.order_of(source[0] if source else self.value(position))

    def read(self, position: int = 0, order: Order | None = None) -> Tensor:
        """An activation, in codes where the operator runs on them."""
        value = self.value(position)
        if not self.codes:
            return self._lowering.read(value, order)
        source = source_of(value)
        if source is not None:
            return self._lowering.read(source[0], order)
        return self._constant_codes(value, order)

    def _constant_codes(self, value: ir.Value, order: Order | None) -> Tensor:
        """A constant among codes: one number on a grid of its own, or on the grid that all inputs share."""
        known = constant_of(value)
        assert known is not None
        turned = known.transpose(order or plain(known.ndim))
        if np.unique(known).size == 1:
            code, grid = single_value_grid(float(known.reshape(-1)[0]))
            array: Array = np.full(turned.shape, code, np.int8)
        if self.node.op_type == "Concat":
            grid = self.grid()
            array = quantize(turned, grid).astype(np.int8)
        return self.file_constant(value.name or "constant", array, grid)

    def channel_codes(self, position: int) -> Tensor:
        """A constant with a number for each channel, ``[1, 1, channels]`` in int8 around zero."""
        known = self.constant(position)
        if known is None or known.size not in (1, self.shape()[1]):
            raise self.unsupported("has slopes that are computed, or more than one for each channel")
        array = np.broadcast_to(np.asarray(known, np.float32).reshape(1, 1, -1), (1, 1, self.shape()[1]))
        grid = grid_from_range(array.min(), array.max(), QuantSpec(qtype=INT8))
        return self.file_constant(self.value(position).name or "slopes", quantize(array, grid).astype(np.int8), grid)

    def read_wide(self, position: int, rank: int, order: Order) -> Tensor:
        """The same, with axes of length 1 before it, as broadcasting takes it."""
        known = self.constant(position)
        if known is not None and known.size == 1 and not self.codes:
            return self.file_constant(self.value(position).name or "number", float32(known.reshape(1)))
        shape = self.shape(position)
        wide = widths(shape, rank)
        if known is not None and not self.codes:
            array = float32(known.reshape(wide).transpose(order))
            return self.file_constant(self.value(position).name or "constant", array)
        if len(shape) == rank:
            return self.read(position, order)
        tensor = self.read(position, plain(len(shape)))
        made = self.inside("wide", wide, tensor)
        self._lowering.reshape(tensor, made)
        return self._lowering.turned(made, wide, plain(rank), order)

    # Its weights.

    def weight(
        self, position: int, order: Sequence[int], shape: Sequence[int] | None = None, *, by_channel: bool = False
    ) -> Tensor:
        """A weight: codes with their scales, float32, or float16 that is widened when the file is opened.

        Args:
            position: of the input.
            order: its axes, as the kernel wants them.
            shape: to bring it into afterwards; the channels stay where they are or become the last axis.
            by_channel: whether a kernel that rounds as it runs wants a scale for each channel, the last axis, always.
        """
        value, name = self.value(position), self.value(position).name or "weight"
        found = stored_codes(value) if self.codes or self.on_the_fly else None
        if found is not None:
            codes, grid = found
            turned = codes.transpose(order)
            axis = None if grid.axis is None else list(order).index(grid.axis)
            if shape is not None:
                turned, axis = turned.reshape(shape), None if axis is None else len(shape) - 1
            if by_channel and self.on_the_fly and axis is None:
                axis, channels = turned.ndim - 1, turned.shape[-1]
                grid = QuantParams(INT8, np.full(channels, grid.scale), np.zeros(channels, np.int64), 0)
            return self.file_constant(name, turned, QuantParams(INT8, grid.scale, grid.zero_point, axis))
        known = self.constant(position)
        if known is None:
            raise self.unsupported("has weights that are computed")
        array = float32(known.transpose(order))
        return self.float_weight(name, array if shape is None else array.reshape(shape))

    def float_weight(self, name: str, array: Array) -> Tensor:
        """A float weight, in half the bytes if that was asked for."""
        if not self._lowering.half:
            return self.file_constant(name, array)
        narrow = self.file_constant(f"{name}/half", array.astype(np.float16))
        made = self.tensor(name, array.shape, "float32")
        self.add("DEQUANTIZE", [narrow], [made], special="float16")
        return made

    def bias(self, position: int, channels: int, weight: Tensor, factor: float = 1.0) -> Tensor:
        """A bias ``[channels]``; zeros where the node has none, since some runtimes ask for one.

        On codes it is int32 at exactly ``scale_x * scale_w``.
        """
        name = (self.value(position).name if self.has(position) else None) or f"{self.node.name}/bias"
        known = self.constant(position) if self.has(position) else np.zeros(channels, np.float32)
        if known is None:
            raise self.unsupported("has a bias that is computed")
        whole = np.broadcast_to(np.asarray(float32(known), np.float32).reshape(-1) * np.float32(factor), (channels,))
        if not self.codes:
            return self.file_constant(name, whole)
        source = source_of(self.value(0))
        assert source is not None and weight.grid is not None
        scale = np.asarray(source[1].scale * weight.grid.scale, np.float32)
        axis = 0 if scale.ndim else None
        zeros = np.zeros(scale.shape, np.int64)
        stored_already = stored_codes(self.value(position)) if self.has(position) else None
        steps = np.rint(whole.astype(np.float64) / scale.astype(np.float64))
        codes = stored_already[0] if stored_already is not None else steps
        return self.file_constant(name, codes.astype(np.int32), QuantParams(INT8, scale, zeros, axis))

    # What it writes.

    def out_shape(self, position: int = 0) -> Shape:
        """Of an output, as ONNX has it."""
        return shape_of(self.node.outputs[position])

    def grid(self, position: int = 0) -> QuantParams:
        """Of an output's codes."""
        sink = sink_of(self._results[position])
        assert sink is not None
        return sink[1]

    def result(self, order: Order, position: int = 0) -> Tensor:
        """The tensor to write an output to, in this order."""
        value = self._results[position]
        shape = stored(self.out_shape(position), order)
        if not self.codes:
            made = self.tensor(value.name or "result", shape, "float32")
            self._lowering.give(value, order, made)
            return made
        sink = sink_of(value)
        assert sink is not None
        made = self.tensor(value.name or "result", shape, "int8", sink[1])
        self._lowering.give(sink[0], order, made)
        if self._activation is None or self._is_fused() or _holds(self._activation, sink[1]):
            return made
        raw = self.tensor(f"{value.name}/before", shape, "int8", sink[1])
        self._clamped.append((raw, made))
        return raw

    def same(self, order: Order, tensor: Tensor) -> None:
        """Gives out a tensor that exists already: the node only sees it differently."""
        value = self._results[0]
        sink = sink_of(value) if self.codes else None
        self._lowering.give(sink[0] if sink else value, order, tensor)

    def inside(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor between two operators that one node becomes, of another's type and grid."""
        return self.tensor(f"{self.node.name}/{name}", shape, like.dtype, like.grid)

    def tensor(self, name: str, shape: Sequence[int], dtype: str, grid: QuantParams | None = None) -> Tensor:
        """A new tensor of the file."""
        return self._lowering.file.tensor(name, shape, dtype, grid)

    def file_constant(self, name: str, array: Array, grid: QuantParams | None = None) -> Tensor:
        """A constant of the file."""
        return self._lowering.file.constant(name, array, grid)

    def ints(self, name: str, numbers: Sequence[int] | Sequence[Sequence[int]] | int) -> Tensor:
        """An int32 constant of the file."""
        return self.file_constant(name, np.array(numbers, np.int32))

    def add(
        self,
        operator: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        options: Options | None = None,
        special: str | None = None,
    ) -> None:
        """An operator of the file, see `File.operator`."""
        self._lowering.file.operator(operator, inputs, outputs, options, special)

    def turned(self, tensor: Tensor, shape: Shape, have: Order, want: Order) -> Tensor:
        """A tensor in another order."""
        return self._lowering.turned(tensor, shape, have, want)

    def reshape(self, tensor: Tensor, made: Tensor) -> None:
        """The same numbers in another shape."""
        self._lowering.reshape(tensor, made)

    def _is_fused(self) -> bool:
        """Whether the kernel takes in the activation behind it."""
        return self._activation in CLAMPS and self.node.op_type in FUSES

    def fused(self) -> int:
        """The number of the activation that the kernel takes in."""
        name = CLAMPS[self._activation] if self._activation is not None and self._is_fused() else "NONE"
        return int(getattr(self._lowering.file.schema.ActivationFunctionType, name))

    def padding(self, name: str) -> int:
        """The number of a kind of padding, "SAME" or "VALID"."""
        return int(getattr(self._lowering.file.schema.Padding, name))

    def close(self) -> None:
        """Writes what the node still owes: on codes, bounds that no fused activation has.

        Rounding to a grid keeps the order of numbers, so codes are cut off at the codes of the bounds.
        """
        for raw, made in self._clamped:
            assert self._activation is not None and raw.grid is not None
            self.clamp(raw, made, self._activation)

    def clamp(self, tensor: Tensor, made: Tensor, within: Bounds) -> None:
        """MAXIMUM with the lower bound, MINIMUM with the upper one, in floats or on one grid of codes."""
        steps = [(op, bound) for op, bound in zip(("MAXIMUM", "MINIMUM"), within, strict=True) if bound is not None]
        if not steps:
            raise self.unsupported("has neither a lower nor an upper bound")
        for k, (op, bound) in enumerate(steps):
            number = np.array([bound], np.float32)
            if tensor.grid is not None:
                other = self.file_constant("bound", quantize(number, tensor.grid).astype(np.int8), tensor.grid)
            else:
                other = self.file_constant("bound", number)
            last = k == len(steps) - 1
            after = made if last else self.inside("cut", made.shape, tensor)
            self.add(op, [tensor, other], [after], Options("MaximumMinimum", {}))
            tensor = after

    def unsupported(self, why: str) -> UnsupportedOperator:
        """The error for something about the node that TFLite lacks."""
        return UnsupportedOperator(
            f"{self.node.op_type} '{self.node.name}' {why}, which LiteRT's builtin operators cannot do: keep it out of "
            f"the graph, or choose another target."
        )


def _holds(within: Bounds, grid: QuantParams) -> bool:
    """Whether codes of this grid stand for nothing beyond the bounds, so that rounding cuts off what is."""
    low, high = within
    lowest = low is None or int(quantize(np.array(low, np.float32), grid)) == INT8.qmin
    highest = high is None or int(quantize(np.array(high, np.float32), grid)) == INT8.qmax
    return lowest and highest
