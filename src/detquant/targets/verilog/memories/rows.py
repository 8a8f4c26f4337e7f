"""Rows of bits from lanes of whole numbers, and back.

A row is lanes of one width side by side, lane 0 in the low bits, two's complement, no padding inside a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A memory of the engine, or one of its streams.

    Attributes:
        name: stem of its files.
        width: bits of a row.
        bits: uint8 ``[rows, width]`` of 0 and 1, the lowest bit first.
    """

    name: str
    width: int
    bits: Bits

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.bits)


def lanes_to_bits(lanes: Numbers, bits: int) -> Bits:
    """Bits ``[rows, lanes * bits]`` of whole numbers ``[rows, lanes]``, the lowest first.

    Raises:
        OverflowError: a number has no room, neither with a sign nor without.
    """
    wide = lanes.astype(np.int64)
    if wide.size and not (-(1 << (bits - 1)) <= int(wide.min()) and int(wide.max()) < 1 << bits):
        raise OverflowError(f"numbers from {wide.min()} to {wide.max()} have no room in {bits} bits")
    split = (wide[..., None] >> np.arange(bits)) & 1
    return split.astype(np.uint8).reshape(len(wide), -1)


def bits_to_lanes(rows: Bits, bits: int, *, signed: bool) -> npt.NDArray[np.int64]:
    """Whole numbers ``[rows, lanes]`` of bits ``[rows, lanes * bits]``; the opposite of `lanes_to_bits`."""
    split = rows.reshape(len(rows), -1, bits).astype(np.int64)
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    if signed:
        weights[-1] = -weights[-1]
    return np.asarray(split @ weights, np.int64)
