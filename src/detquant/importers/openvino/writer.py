"""The ONNX graph as it is written, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.values import fresh_name

OPSET, IR_VERSION = 21, 10


@dataclass(frozen=True, slots=True)
class Codes:
    """A constant that the file holds in integers: (codes - zero_point) * scale.

    Attributes:
        codes: int8 or uint8.
        scale: float32, broadcasts against the codes.
        zero_point: zero point of the type of the codes, in the shape of the scale.
    """

    codes: npt.NDArray[Any]
    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[Any]

    def axis(self) -> int | None:
        """The one axis along which the scale varies; None for one scale in all.

        Raises:
            ValueError: it varies along several.
        """
        if self.scale.size == 1:
            return None
        shape = (1,) * (self.codes.ndim - self.scale.ndim) + self.scale.shape
        [axis] = [axis for axis, size in enumerate(shape) if size > 1]
        return axis

    def reshape(self, shape: Sequence[int]) -> Codes:
        """The constant in another shape; scales follow where each has its own slice of the first axes.

        Raises:
            ValueError: the scale varies within what becomes one slice.
        """
        codes = self.codes.reshape(shape)
        if self.scale.size == 1:
            return Codes(codes, self.scale, self.zero_point)
        spread = np.broadcast_to(self.scale, self.codes.shape).reshape(shape)
        zeros = np.broadcast_to(self.zero_point, self.codes.shape).reshape(shape)
        first = (slice(None),) + (slice(0, 1),) * (len(shape) - 1)
        if not np.array_equal(np.broadcast_to(spread[first], spread.shape), spread):
            raise ValueError("the scale varies within a channel")
        return Codes(codes, np.array(spread[first]), np.array(zeros[first]))

    def values(self) -> npt.NDArray[np.float32]:
        """The real numbers that the codes stand for."""
        return (self.codes.astype(np.float32) - self.zero_point.astype(np.float32)) * self.scale


@dataclass(slots=True)
class Writer:
    """The ONNX graph as far as it has been written.

    Attributes:
        nodes: nodes of the graph, in order.
        constants: initializers of the graph.
        codes: value that a DequantizeLinear gives from a constant -> the constant's codes.
        taken: names that have been given.
        scope: name of the operation that is being written; its nodes and constants begin with it.
    """

    nodes: list[ir.Node] = field(default_factory=list)
    constants: list[ir.Value] = field(default_factory=list)
    codes: dict[ir.Value, Codes] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    scope: str = ""

    def add(self, op_type: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """Adds a node of one output; trailing inputs that are None are left out."""
        return self.add_many(op_type, inputs, 1, **attributes)[0]

    def add_many(
        self, op_type: str, inputs: Sequence[ir.Value | None], outputs: int, **attributes: Any
    ) -> list[ir.Value]:
        """Adds a node of several outputs."""
        given = list(inputs)
        while given and given[-1] is None:
            given.pop()
        name = fresh_name(f"{self.scope}/{op_type}", self.taken)
        node = ir.node(op_type, inputs=given, attributes=attributes or None, name=name, num_outputs=outputs)
        for position, output in enumerate(node.outputs):
            output.name = name if outputs == 1 else fresh_name(f"{name}:{position}", self.taken)
        self.nodes.append(node)
        return list(node.outputs)

    def constant(self, array: npt.ArrayLike, dtype: npt.DTypeLike | None = None, name: str = "constant") -> ir.Value:
        """An initializer of the operation that is being written."""
        contents = np.ascontiguousarray(array, dtype).reshape(np.shape(array))
        full = fresh_name(f"{self.scope}/{name}", self.taken)
        tensor = ir.tensor(contents, name=full)
        value = ir.Value(
            name=full, shape=ir.Shape(contents.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
        )
        self.constants.append(value)
        return value

    def int64(self, values: Sequence[int] | int) -> ir.Value:
        """A constant of whole numbers, as ONNX wants shapes, axes and bounds."""
        return self.constant(values, np.int64)

    def as_int64(self, value: ir.Value) -> ir.Value:
        """A value as int64; constants are converted at once."""
        if value.const_value is not None:
            return self.int64(value.const_value.numpy().astype(np.int64).tolist())
        return self.cast(value, ir.DataType.INT64)

    def cast(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """A value in another element type."""
        return self.add("Cast", value, to=int(dtype))

    def reshape(self, value: ir.Value, shape: Sequence[int]) -> ir.Value:
        """A value in another shape; constants are reshaped at once.

        Raises:
            ValueError: a constant in integers whose scale does not allow it.
        """
        codes = self.codes.get(value)
        if codes is not None:
            return self.dequantized(codes.reshape(shape))
        if value.const_value is not None:
            return self.constant(value.const_value.numpy().reshape(shape), name="weight")
        return self.add("Reshape", value, self.int64(list(shape)))

    def dequantized(self, codes: Codes) -> ir.Value:
        """A constant in integers, and the DequantizeLinear that makes numbers of it.

        Raises:
            ValueError: the scale varies along several axes.
        """
        axis = codes.axis()
        shape: tuple[int, ...] = () if axis is None else (-1,)
        zero_point = codes.zero_point if axis is None else np.broadcast_to(codes.zero_point, codes.scale.shape)
        inputs = (
            self.constant(codes.codes, name="codes"),
            self.constant(codes.scale.reshape(shape), np.float32, "scale"),
            self.constant(zero_point.reshape(shape), codes.codes.dtype, "zero_point"),
        )
        value = self.add("DequantizeLinear", *inputs, **({} if axis is None else {"axis": axis}))
        value.shape, value.type = ir.Shape(codes.codes.shape), ir.TensorType(ir.DataType.FLOAT)
        self.codes[value] = codes
        return value
