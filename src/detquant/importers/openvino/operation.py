"""One operation of OpenVINO's graph, as the rows of the translation read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.numerics.arrays import Array
from detquant.untrusted import one_line

# Halves are computed in single precision: files hold them to be smaller, not to be less exact.
TYPES: dict[str, ir.DataType] = {
    "boolean": ir.DataType.BOOL,
    "bf16": ir.DataType.FLOAT,
    "f16": ir.DataType.FLOAT,
    "f32": ir.DataType.FLOAT,
    "f64": ir.DataType.DOUBLE,
    "i8": ir.DataType.INT8,
    "i16": ir.DataType.INT16,
    "i32": ir.DataType.INT32,
    "i64": ir.DataType.INT64,
    "u8": ir.DataType.UINT8,
    "u16": ir.DataType.UINT16,
    "u32": ir.DataType.UINT32,
    "u64": ir.DataType.UINT64,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A node of an `openvino.Model`.

    Attributes:
        node: OpenVINO's own.
        inputs: what was translated of its inputs, in order.
        path: path of the file, for messages.
        made: gives what was made of any output of OpenVINO's graph that comes before this node.
    """

    node: Any
    inputs: tuple[ir.Value, ...]
    path: Path
    made: Callable[[Any], ir.Value]

    @property
    def kind(self) -> str:
        """The type of the operation, such as "Convolution"."""
        return str(self.node.get_type_name())

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, by OpenVINO's name."""
        return self.node.get_attributes().get(name, default)

    def source(self, position: int) -> Any:
        """The OpenVINO node that makes an input."""
        return self.node.input_value(position).get_node()

    def array(self, position: int) -> Array | None:
        """The contents of an input that is a constant; None for one that is computed or not there."""
        if position >= len(self.inputs):
            return None
        return contents(self.source(position))

    def ints(self, position: int, what: str) -> tuple[int, ...]:
        """An input of whole numbers that must be constant.

        Raises:
            UnsupportedOperator: it is computed from the image.
        """
        array = self.array(position)
        if array is None:
            self.refuse(f"its {what} depend on the image: only constant ones are taken")
        return tuple(int(value) for value in array.ravel())

    def rank(self, position: int = 0) -> int:
        """The rank of an input, which must be known."""
        shape = self.node.get_input_partial_shape(position)
        if shape.rank.is_dynamic:
            self.refuse("the rank of what it reads is not known")
        return int(shape.rank.get_length())

    def shape(self, position: int = 0) -> tuple[int, ...]:
        """The shape of an input, which must be known."""
        shape = static_dims(self.node.get_input_partial_shape(position))
        if shape is None:
            self.refuse("the shape of what it reads depends on the image")
        return shape

    def side(self, axis: int) -> int:
        """The size of one axis of the first input, which must be known."""
        dim = self.node.get_input_partial_shape(0)[axis]
        if dim.is_dynamic:
            self.refuse(f"the size of axis {axis} depends on the image")
        return int(dim.get_length())

    def output_shape(self, position: int = 0) -> tuple[int, ...]:
        """The shape of an output, which must be known."""
        shape = static_dims(self.node.get_output_partial_shape(position))
        if shape is None:
            self.refuse("the shape of what it gives depends on the image")
        return shape

    def dtype(self, position: int = 0) -> ir.DataType:
        """The element type of an output."""
        return element_type(self, self.node.get_output_element_type(position))

    def input_dtype(self, position: int = 0) -> ir.DataType:
        """The element type of an input."""
        return element_type(self, self.node.get_input_element_type(position))

    def is_read(self, position: int) -> bool:
        """Whether anything reads an output."""
        return bool(self.node.output(position).get_target_inputs())

    def refuse(self, reason: str) -> NoReturn:
        """Says why this operation cannot be taken.

        Raises:
            UnsupportedOperator: always.
        """
        name = one_line(self.node.get_friendly_name())
        raise UnsupportedOperator(
            f"'{self.path}' has a {self.kind}, '{name}', that cannot be translated: {reason}. "
            "Export the model to ONNX and give that file."
        )

    def one_of(self, what: str, value: str, known: Sequence[str] | dict[str, Any]) -> str:
        """The value, if it is known."""
        if value not in known:
            self.refuse(f"its {what} is '{value}', and only {', '.join(known)} are taken")
        return value


def contents(node: Any) -> Array | None:
    """The array of a Constant node, halves as float32; None for any other node."""
    if node.get_type_name() != "Constant":
        return None
    kind = node.get_output_element_type(0).get_type_name()
    if kind in ("f16", "bf16"):
        return np.asarray(node.get_data(dtype=np.float32))
    array = np.asarray(node.data)
    return array.astype(np.bool_) if kind == "boolean" else array


def element_type(operation: Operation, kind: Any) -> ir.DataType:
    """ONNX's element type for OpenVINO's."""
    name = str(kind.get_type_name())
    if name not in TYPES:
        operation.refuse(f"it has values of type {name}")
    return TYPES[name]


def static_dims(shape: Any) -> tuple[int, ...] | None:
    """An `openvino.PartialShape` as numbers, or None if it has a free dimension."""
    return None if shape.is_dynamic else tuple(int(dim) for dim in shape.to_shape())
