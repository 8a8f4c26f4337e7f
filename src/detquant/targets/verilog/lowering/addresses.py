"""What a Move does to a map, read from its addresses: which channels it takes, and which rows and columns.

1. Channels alone (slices of channels, splits, shuffles): a view.
2. Nearest enlargement by a power of two, the same down and right: a view whose channels have a shift.
3. Rows and columns from some start on, by some step, with a border of one code: a copy.
4. All else (transposes, other enlargements) is no instruction's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Addresses = npt.NDArray[np.int64]
MOST_SHIFT = 14


@dataclass(frozen=True, slots=True)
class Along:
    """Places along an axis: ``k`` comes from ``(start + step * k) >> shift``; outside of the map is the border."""

    start: int = 0
    step: int = 1
    shift: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing but an enlargement happens."""
        return self.start == 0 and self.step == 1


@dataclass(frozen=True, slots=True)
class Moved:
    """What a Move does.

    Attributes:
        channels: for each channel that it gives, the one that it takes, or -1 for none, all border.
        rows: which rows.
        columns: which columns.
    """

    channels: tuple[int, ...]
    rows: Along
    columns: Along


def read_addresses(addresses: Addresses, shape: tuple[int, ...], out: tuple[int, ...]) -> Moved | None:
    """What a Move does; None for case 4.

    Args:
        addresses: for each number that is given, its place in what is read, flat; -1 for the border.
        shape: ``[1, channels, height, width]`` of what is read.
        out: the same of what is given.
    """
    _, channels, height, width = shape
    by_channel = addresses.reshape(out[1:])
    valid = by_channel >= 0
    source = np.where(valid, by_channel // (height * width), -1)
    taken = source.max(axis=(1, 2))
    rows = np.where(valid, by_channel // width % height, -1).max(axis=(0, 2))
    columns = np.where(valid, by_channel % width, -1).max(axis=(0, 1))
    down, right = _along(rows, height), _along(columns, width)
    if down is None or right is None or down.shift != right.shift or channels == 0:
        return None
    expected = taken[:, None, None] * (height * width) + rows[:, None] * width + columns
    border = (taken < 0)[:, None, None] | (rows < 0)[:, None] | (columns < 0)
    if not np.array_equal(np.where(border, -1, expected), by_channel):
        return None
    return Moved(tuple(map(int, taken)), down, right)


def _along(places: Addresses, size: int) -> Along | None:
    """Places of one axis, -1 outside, as a start, a step and a shift; None where they are none."""
    known = np.flatnonzero(places >= 0)
    if not known.size:
        return None
    for shift in range(MOST_SHIFT):
        if size << shift == len(places) and np.array_equal(places, np.arange(len(places)) >> shift):
            return Along(shift=shift)
        if size << shift > len(places):
            break
    step = int(places[known[1]] - places[known[0]]) if known.size > 1 else 1
    if step < 1 or (known.size > 1 and known[1] != known[0] + 1):
        return None
    start = int(places[known[0]]) - step * int(known[0])
    meant = start + step * np.arange(len(places))
    return Along(start, step) if np.array_equal(np.where((meant < 0) | (meant >= size), -1, meant), places) else None
