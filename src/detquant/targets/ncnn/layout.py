"""Where the axes of a value lie in a blob: ncnn has no batch, and four axes at most.

A value of two axes or more whose first has length 1 lies there without it, one of more than four that are left without
the first of these that have length 1; every other lies there as it is. Its numbers are in the same order in both.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
MOST_AXES = 4


def dropped(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes of a value that its blob does not have, all of length 1."""
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    batch = [0] if len(shape) > 1 and shape[0] == 1 else []
    more = [axis for axis in ones if axis not in batch][: max(0, len(shape) - len(batch) - MOST_AXES)]
    return (*batch, *more)


def stored(shape: Sequence[int]) -> Shape:
    """The shape in the file of a value of this shape; a number without axes has one there."""
    return wide(shape, shape)


def stored_axis(shape: Sequence[int], axis: int) -> int:
    """The place in the blob of an axis of a value of this shape; -1 for one that is not there."""
    axis %= len(shape)
    gone = dropped(shape)
    return -1 if axis in gone else axis - sum(other < axis for other in gone)


def wide(shape: Sequence[int], out: Sequence[int]) -> Shape:
    """The shape in the file, as broadcasting against a result of the shape ``out`` takes it: as many axes as that."""
    whole = [*[1] * (len(out) - len(shape)), *map(int, shape)]
    return without(whole, out) or (1,)


def without(shape: Sequence[int], like: Sequence[int]) -> Shape:
    """A shape without the axes that the blob of a value of another shape, of as many axes, does not have."""
    gone = dropped(like)
    return tuple(int(size) for axis, size in enumerate(shape) if axis not in gone)


def moving(shape: Sequence[int], perm: Sequence[int]) -> tuple[Shape, Shape]:
    """A permutation of axes, without those of length 1, which move no number.

    Returns:
        The shape without them, and the permutation of what is left.
    """
    kept = [axis for axis in range(len(shape)) if shape[axis] != 1]
    return tuple(int(shape[axis]) for axis in kept), tuple(kept.index(axis) for axis in perm if shape[axis] != 1)
