"""The text of ``.param`` as layers, and the bytes of ``.bin`` as their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TypeVar

import numpy as np

from detquant.importers.ncnn.files import FEATMASK, FLOAT, HALF, INT8, LIST, MAGIC
from detquant.numerics.arrays import Array, Floats

MOST_LAYERS = 100_000
Value = TypeVar("Value")
_TAG = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A layer as ``.param`` tells it."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    parameters: Mapping[int, str] = field(default_factory=dict)
    _read: set[int] = field(default_factory=set)

    def number(self, key: int, default: int = 0) -> int:
        """A parameter that is a whole number."""
        self._read.add(key)
        return int(self.parameters.get(key, default))

    def choice(self, key: int, table: Mapping[int, Value]) -> Value:
        """What a table has for a parameter that is one of its numbers."""
        number = self.number(key)
        if number not in table:
            raise ValueError(f"'{self.name}' has the parameter {key}={number}, which detquant does not write")
        return table[number]

    def size(self, key: int, default: int = 1) -> int:
        """A parameter that is a whole number of at least 1, such as a stride."""
        found = self.number(key, default)
        if found < 1:
            raise ValueError(f"'{self.name}' has the parameter {key}={found}, which is at least 1")
        return found

    def real(self, key: int, default: float = 0.0) -> float:
        """A parameter that is a real number."""
        self._read.add(key)
        return float(self.parameters.get(key, default))

    def numbers(self, key: int) -> list[float]:
        """A parameter that is a list."""
        self._read.add(key)
        count, *found = self.parameters[key].split(",")
        if int(count) != len(found):
            raise ValueError(f"'{self.name}' has a list of {count} that has {len(found)}")
        return [float(one) for one in found]

    def require(self, fixed: Mapping[int, int]) -> None:
        """Refuses a layer with parameters other than those that have been read, and these, of these values."""
        self._read.add(FEATMASK)
        for key, value in fixed.items():
            if self.number(key) != value:
                raise ValueError(f"'{self.name}' has the parameter {key}={self.number(key)}, which is {value} here")
        unknown = set(self.parameters) - self._read
        if unknown:
            raise ValueError(f"'{self.name}' has the parameter {min(unknown)}, which detquant does not write")

    def shape(self) -> list[int]:
        """Its parameters as the shape of a blob, outermost axis first."""
        found = [self.number(key) for key in (2, 11, 1, 0) if key in self.parameters]
        if not found or min(found) < 1:
            raise ValueError(f"'{self.name}' has the shape {found}")
        return found


def read_lines(text: str) -> list[Line]:
    """The layers of a ``.param``.

    Raises:
        ValueError: it is none, or damaged; a sentence without its full stop.
    """
    rows = text.split("\n")
    if rows[0].strip() != str(MAGIC) or len(rows) < 2:
        raise ValueError(f"it does not begin with {MAGIC}")
    counts = [int(word) for word in rows[1].split()]
    if len(counts) != 2 or not 0 < counts[0] <= MOST_LAYERS or len(rows) < 2 + counts[0]:
        raise ValueError("it does not have as many layers as it says")
    return [_line(row.split()) for row in rows[2 : 2 + counts[0]]]


def _line(words: Sequence[str]) -> Line:
    if len(words) < 4:
        raise ValueError("a layer is cut off")
    takes, gives = int(words[2]), int(words[3])
    if min(takes, gives) < 0 or len(words) < 4 + takes + gives:
        raise ValueError(f"the layer '{words[1]}' is cut off")
    ends = words[4 : 4 + takes + gives]
    parameters: dict[int, str] = {}
    for word in words[4 + takes + gives :]:
        key, _, value = word.partition("=")
        number = int(key)
        parameters[LIST - number if number <= LIST else number] = value
    return Line(words[0], words[1], ends[:takes], ends[takes:], parameters)


class Weights:
    """The numbers of a ``.bin``, from the first on."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    @property
    def left(self) -> int:
        """Bytes that nobody has read."""
        return len(self._content) - self._place

    def tagged(self, *shape: int) -> Array:
        """Weights behind a tag: int8 codes, or floats in float32."""
        tag, count = int.from_bytes(self._bytes(_TAG), "little"), _count(shape)
        if tag == INT8:
            return np.frombuffer(self._padded(count), np.int8, count).reshape(shape)
        if tag == HALF:
            return np.frombuffer(self._padded(2 * count), "<f2", count).reshape(shape).astype(np.float32)
        if tag != FLOAT:
            raise ValueError(f"weights have the tag {tag:#x}")
        return self.bare(*shape)

    def bare(self, *shape: int) -> Floats:
        """Numbers of float32 without a tag."""
        count = _count(shape)
        return np.frombuffer(self._bytes(4 * count), "<f4").reshape(shape).astype(np.float32)

    def _padded(self, count: int) -> bytes:
        return self._bytes(count + -count % 4)

    def _bytes(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError(f"its .bin ends {count - self.left} bytes too early")
        self._place += count
        return self._content[self._place - count : self._place]


def _count(shape: Sequence[int]) -> int:
    if min(shape, default=1) < 1:
        raise ValueError(f"weights have the shape {list(shape)}")
    return prod(shape)
