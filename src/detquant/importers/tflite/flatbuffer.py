"""What is needed of a TFLite file's flatbuffer, by the fields of TensorFlow's schema.fbs; nothing is copied or checked
before it is asked for.

A damaged file may hold any offset: whoever reads has to be ready for DAMAGE.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flatbuffers.encode import Get
from flatbuffers.number_types import UOffsetTFlags
from flatbuffers.table import Table

DAMAGE = (struct.error, IndexError, TypeError, ValueError, OverflowError, MemoryError, RecursionError, StopIteration)
"""Exceptions that reading a damaged file raises."""

_MOST_RECORDS, _LONGEST_NAME = 1_000_000, 4096

# Fields are counted from 0, in the order of the schema.
_CODES, _GRAPHS, _BUFFERS, _METADATA = 1, 2, 4, 6
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = 0, 1, 2, 3
_SHAPE, _TYPE, _BUFFER, _NAME, _QUANTIZATION = range(5)
_CODE, _READS, _GIVES, _OPTIONS = 0, 1, 2, 5
_ENTRY_NAME, _ENTRY_BUFFER = 0, 1
_CUSTOM_CODE, _DATA, _SCALE, _ZERO_POINT = 1, 0, 2, 3
# TensorType: the numbers of it
_TYPES: dict[int, type[Any]] = {0: np.float32, 3: np.uint8, 9: np.int8}


class _Record:
    """A table, whose fields are read by their place."""

    def __init__(self, content: bytes, place: int) -> None:
        self.table = Table(content, place)

    def _at(self, field: int) -> int:
        offset = self.table.Offset(4 + 2 * field)
        return 0 if offset == 0 else int(offset + self.table.Pos)

    def number(self, field: int, form: str, default: int = 0) -> int:
        place = self._at(field)
        return int(struct.unpack_from(form, self.table.Bytes, place)[0]) if place else default

    def record(self, field: int) -> _Record | None:
        place = self._at(field)
        return _Record(self.table.Bytes, self.table.Indirect(place)) if place else None

    def array(self, field: int, dtype: Any) -> npt.NDArray[Any]:
        place = self.table.Offset(4 + 2 * field)
        if not place:
            return np.zeros(0, dtype)
        return np.frombuffer(self.table.Bytes, dtype, self.table.VectorLen(place), self.table.Vector(place))

    def text(self, field: int) -> str:
        letters = self.array(field, np.uint8)
        if len(letters) > _LONGEST_NAME:
            raise ValueError("a name without end")
        return letters.tobytes().decode("utf-8")

    def records(self, field: int) -> Iterator[_Record]:
        place = self.table.Offset(4 + 2 * field)
        count = self.table.VectorLen(place) if place else 0
        if count > _MOST_RECORDS:
            raise ValueError("a row without end")
        for index in range(count):
            yield _Record(self.table.Bytes, self.table.Indirect(self.table.Vector(place) + 4 * index))


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor of a file.

    Attributes:
        name: its name.
        shape: its shape.
        dtype: float32, uint8 or int8; None for others.
        data: bytes of a constant; empty for a tensor that is computed.
        scale: scale of its grid; 0 where it has none, or several.
        zero_point: zero point of its grid; 0 where it has none, or several.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    data: npt.NDArray[np.uint8]
    scale: float
    zero_point: int

    def values(self) -> npt.NDArray[np.float32]:
        """The real numbers that a constant holds, in its shape.

        Raises:
            ValueError: it has too few bytes, or is not of numbers.
        """
        if self.dtype is None:
            raise ValueError("not of numbers")
        codes = np.frombuffer(self.data.tobytes(), self.dtype).reshape(self.shape).astype(np.float32)
        return (codes - self.zero_point) * np.float32(self.scale) if self.scale else codes


@dataclass(frozen=True, slots=True)
class CustomOperator:
    """An operator that is none of TFLite's own.

    Attributes:
        inputs: what it reads.
        options: a flexbuffer.
        images: the inputs of its graph.
        is_last: whether the graph gives what it gives and no more.
    """

    inputs: tuple[FileTensor, ...]
    options: bytes
    images: tuple[FileTensor, ...]
    is_last: bool


def custom_operators(content: bytes, name: str) -> list[CustomOperator]:
    """The operators of one kind in the first graph of a file.

    Args:
        content: bytes of the file.
        name: name of the kind.

    Raises:
        DAMAGE: the file is damaged.
    """
    model = _Record(content, Get(UOffsetTFlags.packer_type, content, 0))
    kinds = [code.text(_CUSTOM_CODE) for code in model.records(_CODES)]
    graph = next(model.records(_GRAPHS))
    found = [one for one in graph.records(_OPERATORS) if kinds[one.number(_CODE, "<I")] == name]
    if not found:
        return []
    buffers, tensors = list(model.records(_BUFFERS)), list(graph.records(_TENSORS))

    def named(indices: npt.NDArray[Any]) -> tuple[FileTensor, ...]:
        return tuple(_tensor(tensors[index], buffers) for index in indices.tolist())

    ends = set(graph.array(_OUTPUTS, np.int32).tolist())
    return [
        CustomOperator(
            inputs=named(one.array(_READS, np.int32)),
            options=one.array(_OPTIONS, np.uint8).tobytes(),
            images=named(graph.array(_INPUTS, np.int32)),
            is_last=set(one.array(_GIVES, np.int32).tolist()) == ends,
        )
        for one in found
    ]


def metadata_entry(content: bytes, name: str, largest: int) -> bytes:
    """An entry of a file's metadata; empty where there is none, or where it is longer than `largest` bytes.

    Raises:
        DAMAGE: the file is damaged.
    """
    model = _Record(content, Get(UOffsetTFlags.packer_type, content, 0))
    buffers = list(model.records(_BUFFERS))
    for entry in model.records(_METADATA):
        if entry.text(_ENTRY_NAME) == name:
            data = buffers[entry.number(_ENTRY_BUFFER, "<I")].array(_DATA, np.uint8)
            return data.tobytes() if len(data) <= largest else b""
    return b""


def _tensor(record: _Record, buffers: list[_Record]) -> FileTensor:
    grid = record.record(_QUANTIZATION)
    scales = np.zeros(0, np.float32) if grid is None else grid.array(_SCALE, np.float32)
    zeros = np.zeros(0, np.int64) if grid is None else grid.array(_ZERO_POINT, np.int64)
    one = scales.size == 1
    return FileTensor(
        name=record.text(_NAME),
        shape=tuple(record.array(_SHAPE, np.int32).tolist()),
        dtype=_TYPES.get(record.number(_TYPE, "<b")),
        data=buffers[record.number(_BUFFER, "<I")].array(_DATA, np.uint8),
        scale=float(scales[0]) if one else 0.0,
        zero_point=int(zeros[0]) if one and zeros.size == 1 else 0,
    )
