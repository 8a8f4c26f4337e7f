"""What a ``.tflite`` file holds: its operators in order, with their tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detquant.numerics.arrays import Array
from detquant.targets.tflite.layout import Shape
from detquant.targets.tflite.schema import schema


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A tensor of a ``.tflite`` file.

    Attributes:
        name: its name.
        shape: dimensions, as the tensor lies in the file.
        dtype: numpy's name of its type.
        zero_point: zero point of its codes; 0 where it has none.
        data: bytes of a constant, else None.
    """

    name: str
    shape: Shape
    dtype: str
    zero_point: int
    data: Array | None

    @property
    def size_bytes(self) -> int:
        """The size of the tensor's contents, bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """An operator of a ``.tflite`` file.

    Attributes:
        kind: builtin name of the operator.
        inputs: tensors that it reads, constants too.
        outputs: tensors that it writes.
        options: attributes by name, as the schema calls them.
    """

    kind: str
    inputs: tuple[Held, ...]
    outputs: tuple[Held, ...]
    options: dict[str, Any]

    @property
    def activations(self) -> tuple[Held, ...]:
        """The tensors that are computed, read or written."""
        return tuple(tensor for tensor in (*self.inputs, *self.outputs) if tensor.data is None)

    @property
    def constants(self) -> tuple[Held, ...]:
        """The tensors that it reads and that are stored in the file."""
        return tuple(tensor for tensor in self.inputs if tensor.data is not None)


def operators_of(content: bytes) -> tuple[Operator, ...]:
    """The operators of a file's first subgraph, in order.

    Args:
        content: a file that detquant has written.

    Raises:
        MissingExtra: LiteRT is not installed.
    """
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    kinds = {number: name for name, number in vars(s.BuiltinOperator).items() if isinstance(number, int)}
    types = {number: name.lower() for name, number in vars(s.TensorType).items() if isinstance(number, int)}
    tensors = [_held(tensor, types[tensor.type], model.buffers[tensor.buffer].data) for tensor in graph.tensors]
    return tuple(
        Operator(
            kind=kinds[model.operatorCodes[one.opcodeIndex].builtinCode],
            inputs=tuple(tensors[k] for k in one.inputs if k >= 0),
            outputs=tuple(tensors[k] for k in one.outputs),
            options=dict(vars(one.builtinOptions)) if one.builtinOptions is not None else {},
        )
        for one in graph.operators
    )


def _held(tensor: Any, dtype: str, data: Any) -> Held:
    points = tensor.quantization.zeroPoint if tensor.quantization is not None else None
    return Held(
        name=(tensor.name or b"").decode(),
        shape=tuple(map(int, tensor.shape)) if tensor.shape is not None else (),
        dtype=dtype,
        zero_point=int(points[0]) if points is not None and len(points) else 0,
        data=None if data is None else np.asarray(data, np.uint8),
    )
