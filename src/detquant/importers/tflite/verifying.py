"""Is a TFLite file whole? Every offset and index in it is followed once, before OpenVINO follows them unasked.

A flatbuffer is tables of offsets. OpenVINO (2026.4) trusts them, so that one bit that has flipped ends the process.
The tables, by the fields of TensorFlow's schema.fbs that a reader of models follows, are below; what else a file may
have, such as the insides of an operator's options, is held against the file's end only.

1. A table, its list of fields, a vector or a text lies within the file.
2. A tensor's shape is of numbers that are no less than 0, and a constant has the bytes that its shape and type say.
3. What an index names is there: a buffer, a kind of operator, a tensor.
4. A grid has as many scales as zero points, and as many as its axis has channels.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError

_MOST_TABLES = 1_000_000
# table: field, its place, and what it is: a vector's bytes an item, the table of a vector's items in a list, a table
_TABLE, _ITEMS = "table", "items"
Field = tuple[int, str, str | int]
_FIELDS: dict[str, tuple[Field, ...]] = {
    "Model": (
        *((1, _ITEMS, "OperatorCode"), (2, _ITEMS, "SubGraph"), (3, "vector", 1), (4, _ITEMS, "Buffer")),
        *((5, "vector", 4), (6, _ITEMS, "Metadata"), (7, _ITEMS, "SignatureDef")),
    ),
    "OperatorCode": ((1, "vector", 1),),
    "SubGraph": (
        *((0, _ITEMS, "Tensor"), (1, "vector", 4), (2, "vector", 4), (3, _ITEMS, "Operator")),
        (4, "vector", 1),
    ),
    "Tensor": ((0, "vector", 4), (3, "vector", 1), (4, _TABLE, "Grid"), (6, _TABLE, "Other"), (7, "vector", 4)),
    "Grid": (*((place, "vector", 4) for place in (0, 1, 2)), (3, "vector", 8), (5, _TABLE, "Other")),
    "Operator": (
        *((1, "vector", 4), (2, "vector", 4), (4, _TABLE, "Other"), (5, "vector", 1), (6, "vector", 1)),
        *((8, "vector", 4), (10, _TABLE, "Other")),
    ),
    "Buffer": ((0, "vector", 1),),
    "Metadata": ((0, "vector", 1),),
    "SignatureDef": ((0, _ITEMS, "TensorMap"), (1, _ITEMS, "TensorMap"), (2, "vector", 1)),
    "TensorMap": ((0, "vector", 1),),
    "Other": (),
}
# What the options of these hold besides numbers, by their number in BuiltinOptions: a list of int32, first.
_WITH_LIST = (17, 30)  # ReshapeOptions, SqueezeOptions
# TensorType: bytes of an element
_BYTES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 12: 8, 15: 4, 16: 2}


class _Flaw(Exception):
    """A fault of a file; the message is the end of a sentence about it."""


class _Table:
    """A table whose place, and whose list of fields, lie within the file."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place
        begin = place - self._read("<i", place)
        size, inline = self._read("<H", begin), self._read("<H", begin + 2)
        if size < 4 or size % 2 or begin + size > len(content) or place + inline > len(content):
            raise _Flaw("a table reaches beyond its end")
        self._fields = struct.unpack_from(f"<{size // 2 - 2}H", content, begin + 4)
        if any(offset and offset + 1 > inline for offset in self._fields):
            raise _Flaw("a field lies outside its table")

    def _read(self, form: str, place: int) -> int:
        if not 0 <= place <= len(self.content) - struct.calcsize(form):
            raise _Flaw("an offset leads outside of it")
        return int(struct.unpack_from(form, self.content, place)[0])

    def _at(self, field: int) -> int:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self.place + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        place = self._at(field)
        return self._read(form, place) if place else 0

    def table(self, field: int) -> _Table | None:
        place = self._at(field)
        return _Table(self.content, place + self._read("<I", place)) if place else None

    def vector(self, field: int, item: int) -> tuple[int, int]:
        """Where a vector begins, and how many items it has; within the file."""
        place = self._at(field)
        if not place:
            return 0, 0
        begin = place + self._read("<I", place)
        count = self._read("<I", begin)
        if begin + 4 + count * item > len(self.content):
            raise _Flaw("a list reaches beyond its end")
        return begin + 4, count

    def numbers(self, field: int) -> npt.NDArray[np.int32]:
        begin, count = self.vector(field, 4)
        return np.frombuffer(self.content, "<i4", count, begin)

    def tables(self, field: int) -> Iterator[_Table]:
        begin, count = self.vector(field, 4)
        for place in range(begin, begin + 4 * count, 4):
            yield _Table(self.content, place + self._read("<I", place))


def verify(path: Path, content: bytes) -> None:
    """Refuses a file that is not whole.

    Args:
        path: for the sentence.
        content: bytes of the file.

    Raises:
        ModelError: for the cases at the top of this file.
    """
    try:
        model = _Table(content, struct.unpack_from("<I", content)[0])
        _follow(model, "Model", [_MOST_TABLES])
        buffers = [buffer.vector(0, 1)[1] for buffer in model.tables(4)]
        codes = sum(1 for _ in model.tables(1))
        for graph in model.tables(2):
            _check_graph(graph, buffers, codes)
    except (_Flaw, struct.error) as error:
        raise ModelError(
            f"'{path}' cannot be read as a TFLite model: {error}, so it is truncated or damaged. Copy, download or "
            "export it again."
        ) from error


def _follow(table: _Table, kind: str, left: list[int]) -> None:
    """Checks a table and all below it (case 1); they nest no deeper than the tables above do."""
    left[0] -= 1
    if left[0] < 0:
        raise _Flaw("it has tables without end")
    for field, form, inner in _FIELDS[kind]:
        if isinstance(inner, int):
            table.vector(field, inner)
        else:
            for each in table.tables(field) if form == _ITEMS else filter(None, (table.table(field),)):
                _follow(each, inner, left)


def _check_graph(graph: _Table, buffers: list[int], codes: int) -> None:
    tensors = 0
    for tensor in graph.tables(0):
        _check_tensor(tensor, buffers)
        tensors += 1
    indices = [graph.numbers(1), graph.numbers(2)]
    for operator in graph.tables(3):
        if not 0 <= operator.number(0, "<I") < codes:  # case 3
            raise _Flaw("an operator is of a kind that it does not list")
        options = operator.table(4)
        if options is not None and operator.number(3, "<B") in _WITH_LIST:
            options.vector(0, 4)
        read = operator.numbers(1)
        indices += [read[read != -1], operator.numbers(2)]  # -1: left out
    for numbers in indices:
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < tensors:
            raise _Flaw("it names a tensor that it does not have")


def _check_tensor(tensor: _Table, buffers: list[int]) -> None:
    """Checks shape, contents and grid of a tensor (cases 2 to 4)."""
    shape, kind, buffer = tensor.numbers(0).tolist(), tensor.number(1, "<b"), tensor.number(2, "<I")
    if any(size < 0 for size in shape):
        raise _Flaw("a tensor has a size below zero")
    if buffer >= len(buffers):
        raise _Flaw("a tensor's values are nowhere in it")
    if buffers[buffer] and kind in _BYTES and buffers[buffer] != math.prod(shape) * _BYTES[kind]:
        sparse = tensor.table(6) is not None
        if not sparse:
            raise _Flaw("a constant has not the size of its shape")
    grid = tensor.table(4)
    if grid is None:
        return
    scales, zeros, axis = grid.vector(2, 4)[1], grid.vector(3, 8)[1], grid.number(6, "<i")
    if zeros > 1 and zeros != scales:
        raise _Flaw("a grid has more zero points than scales")
    if scales > 1 and not (0 <= axis < len(shape) and shape[axis] == scales):
        raise _Flaw("a grid does not fit its tensor")
