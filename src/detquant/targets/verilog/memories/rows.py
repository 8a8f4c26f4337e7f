"""Rows of bits from lanes of whole numbers, and back.

A row is lanes of one width side by side, lane 0 in the low bits, two's complement, no padding between lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Packed = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]
AT_ONCE = 1 << 22
"""Bits that are spread out at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A memory of the engine, or one of its streams.

    Attributes:
        name: stem of its files.
        width: bits of a row.
        data: uint8 ``[rows, bytes]``, the lowest bits first; bits beyond the width are 0.
    """

    name: str
    width: int
    data: Packed

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.data)


def packed(lanes: Numbers, bits: int) -> Packed:
    """Rows of bytes of whole numbers ``[rows, lanes]``.

    Raises:
        OverflowError: a number has no room, neither with a sign nor without.
    """
    return packed_fields([(lanes, bits)])


def packed_fields(fields: Sequence[tuple[Numbers, int]]) -> Packed:
    """Rows of bytes whose lanes have several fields, the lowest first.

    Args:
        fields: whole numbers ``[rows, lanes]`` and their width, for each field; all of the same shape.

    Raises:
        OverflowError: a number has no room, neither with a sign nor without.
    """
    for numbers, bits in fields:
        low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
        if low < -(1 << (bits - 1)) or high >= 1 << bits:
            raise OverflowError(f"numbers from {low} to {high} have no room in {bits} bits")
    rows, lanes = fields[0][0].shape
    total = sum(bits for _, bits in fields)
    if [bits for _, bits in fields] == [8]:
        return np.ascontiguousarray(fields[0][0].astype(np.int64).astype(np.uint8))
    made = np.empty((rows, -(-lanes * total // 8)), np.uint8)
    step = max(1, AT_ONCE // max(1, lanes * total))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        split = [(numbers[part].astype(np.int64)[..., None] >> np.arange(bits)) & 1 for numbers, bits in fields]
        spread = np.concatenate(split, axis=-1).astype(np.uint8)
        made[part] = np.packbits(spread.reshape(len(spread), -1), axis=1, bitorder="little")
    return made


def unpacked(data: Packed, bits: int, lanes: int, *, signed: bool) -> npt.NDArray[np.int64]:
    """Whole numbers ``[rows, lanes]`` of rows of bytes; the opposite of `packed`."""
    spread = np.unpackbits(data, axis=1, bitorder="little")[:, : lanes * bits]
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    if signed:
        weights[-1] = -weights[-1]
    return np.asarray(spread.reshape(len(data), lanes, bits).astype(np.int64) @ weights, np.int64)
