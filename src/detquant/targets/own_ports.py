"""What a file of anyone takes and gives, paired with the inputs and outputs of the graph that was imported from it.

The graph takes and gives float32, maps with their channels first. The file may want the image channels last, as codes
on a grid, as whole numbers or as halves; its outputs may be codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.errors import TargetError
from detquant.graph.values import static_shape
from detquant.numerics.arrays import Array
from detquant.numerics.rounding import half_even

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of a file.

    Attributes:
        name: its name.
        shape: dimensions, as the file has them.
        dtype: element type of its numbers.
        scale: scale of the codes that they are; 0 where they are what they are.
        zero_point: zero point of these codes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float = 0.0
    zero_point: int = 0

    def stored(self, array: Array) -> Array:
        """The graph's array in the layout and the numbers of the file."""
        if array.shape != self.shape:
            array = np.ascontiguousarray(array.transpose(TO_LAST))
        if array.dtype == self.dtype:
            return array
        if not np.issubdtype(self.dtype, np.integer):
            return array.astype(self.dtype)
        limits = np.iinfo(self.dtype.name)
        steps = array.astype(np.float32)
        codes = half_even(steps / np.float32(self.scale) if self.scale else steps) + self.zero_point
        return codes.clip(limits.min, limits.max).astype(self.dtype)

    def real(self, array: Array, shape: Sequence[int]) -> Array:
        """The file's array in the graph's layout and shape, as real numbers."""
        if self.scale and np.issubdtype(self.dtype, np.integer):
            array = (array.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
        elif np.issubdtype(self.dtype, np.floating):
            array = array.astype(np.float32, copy=False)
        if array.shape != tuple(shape) and array.shape == _last(shape):
            return np.ascontiguousarray(array.transpose(TO_FIRST))
        return array.reshape(tuple(shape))


def paired(ports: Iterable[Port], values: Iterable[ir.Value], what: str) -> list[tuple[str, Port]]:
    """The graph's names with the file's ports: by name where all agree, else in order.

    Args:
        ports: ports of the file.
        values: values of the graph, of static shapes.
        what: "inputs" or "outputs", for messages.

    Raises:
        TargetError: there are not as many, or shapes do not agree.
    """
    known, wanted = list(ports), list(values)
    by_name = {port.name: port for port in known}
    if {value.name for value in wanted} == set(by_name):
        known = [by_name[value.name or ""] for value in wanted]
    shapes = [static_shape(value) or () for value in wanted]
    if len(known) != len(wanted) or not all(
        _agree(port.shape, shape) for port, shape in zip(known, shapes, strict=True)
    ):
        theirs = ", ".join(f"'{port.name}' {list(port.shape)}" for port in known)
        ours = ", ".join(f"'{value.name}' {list(shape)}" for value, shape in zip(wanted, shapes, strict=True))
        raise TargetError(f"its {what} are {theirs}, and detquant reads it with {ours}")
    return [(value.name or "", port) for value, port in zip(wanted, known, strict=True)]


def _agree(file: tuple[int, ...], graph: tuple[int, ...]) -> bool:
    """Whether the numbers are the same, in the same order or with the channels of a map last."""
    return file in (graph, _last(graph)) or (len(file) != 4 and np.prod(file) == np.prod(graph))


def _last(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of a map with its channels last."""
    return tuple(shape[axis] for axis in TO_LAST) if len(shape) == 4 else tuple(shape)
