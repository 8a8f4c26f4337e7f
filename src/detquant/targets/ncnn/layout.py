"""Where the axes of a value lie in a blob: ncnn has no batch, and four axes at most.

A value of two axes or more whose first has length 1 lies there without it; every other value lies there as it is. Its
numbers are in the same order in both.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
MOST_AXES = 4


def drops_first(shape: Sequence[int]) -> bool:
    """Whether a value lies in its blob without its first axis."""
    return len(shape) > 1 and shape[0] == 1


def stored(shape: Sequence[int]) -> Shape:
    """The shape in the file of a value of this shape; a number without axes has one there."""
    kept = shape[1:] if drops_first(shape) else shape
    return tuple(map(int, kept)) or (1,)


def stored_axis(shape: Sequence[int], axis: int) -> int:
    """The place in the blob of an axis of a value of this shape; -1 for the one that is not there."""
    return axis % len(shape) - drops_first(shape)


def wide(shape: Sequence[int], out: Sequence[int]) -> Shape:
    """The shape in the file, as broadcasting against a result of the shape ``out`` takes it: as many axes as that."""
    whole = (*[1] * (len(out) - len(shape)), *map(int, shape))
    return (whole[1:] if drops_first(out) else whole) or (1,)


def moving(shape: Sequence[int], perm: Sequence[int]) -> tuple[Shape, Shape]:
    """A permutation of axes, without those of length 1, which move no number.

    Returns:
        The shape without them, and the permutation of what is left.
    """
    kept = [axis for axis in range(len(shape)) if shape[axis] != 1]
    return tuple(int(shape[axis]) for axis in kept), tuple(kept.index(axis) for axis in perm if shape[axis] != 1)
