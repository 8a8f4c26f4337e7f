"""Where the axes of a value lie in a tensor of the file.

TFLite's kernels want maps with the channels last, ONNX has them second, and decoding mixes both. So a tensor of the
file comes with an *order*: its axis ``k`` is axis ``order[k]`` of the ONNX value. A Transpose of the graph is then
only another order of the same tensor, and a real TRANSPOSE is written where somebody needs another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Order = tuple[int, ...]
Shape = tuple[int, ...]


def plain(rank: int) -> Order:
    """The order of axes that ONNX has."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """The order batch, places, channels."""
    return (0, *range(2, rank), 1) if rank > 2 else plain(rank)


def stored(shape: Sequence[int], order: Order) -> Shape:
    """The shape in the file of a value of this shape."""
    return tuple(int(shape[axis]) for axis in order)


def moves(have: Order, want: Order) -> Order:
    """The permutation of a TRANSPOSE that leads from one order to another."""
    return tuple(have.index(axis) for axis in want)


def moves_nothing(shape: Sequence[int], have: Order, want: Order) -> bool:
    """Whether two orders differ by axes of length 1 only, so that the numbers lie the same in memory."""
    return [a for a in have if shape[a] != 1] == [a for a in want if shape[a] != 1]


def transposed(order: Order, perm: Sequence[int]) -> Order:
    """The order of the same tensor, seen as ONNX's ``Transpose(value, perm)``."""
    return tuple(list(perm).index(axis) for axis in order)


def with_last(order: Order, axis: int) -> Order:
    """The nearest order whose last axis is this one."""
    return (*(a for a in order if a != axis), axis)


def without(order: Order, axes: Sequence[int]) -> Order:
    """The order when these axes are taken out of the value."""
    kept = [axis for axis in order if axis not in axes]
    return tuple(sum(other < axis for other in kept) for axis in kept)


def reshaping(shape: Shape, new: Shape, order: Order) -> tuple[Order, Order]:
    """How to reshape a tensor where it lies.

    Axes fall into groups: the shortest runs of ``shape`` that hold as many numbers as a run of ``new``. Groups may
    lie in the file in any order, so ``[1, c, h, w]`` with channels last becomes ``[1, c, h w]`` with channels last.
    Within a group the order must be ONNX's.

    Returns:
        The order to bring the tensor into first, nearly always the one it has, and the order of the result.
    """
    groups = _groups(shape, new)
    places = {axis: number for number, (before, _) in enumerate(groups) for axis in before}
    ones = [axis for axis in order if axis not in places]
    sequence = list(dict.fromkeys(places[axis] for axis in order if axis in places))
    first = (*ones, *(axis for number in sequence for axis in groups[number][0]))
    placed = {axis for _, after in groups for axis in after}
    result = (
        *(axis for axis in range(len(new)) if axis not in placed),
        *(axis for number in sequence for axis in groups[number][1]),
    )
    return (order if moves_nothing(shape, order, first) else first), result


def _groups(shape: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Axes of both shapes that hold the same numbers; axes of length 1 are left out."""
    before = [axis for axis, size in enumerate(shape) if size != 1]
    after = [axis for axis, size in enumerate(new) if size != 1]
    groups: list[tuple[list[int], list[int]]] = []
    while before and after:
        left, right = [before.pop(0)], [after.pop(0)]
        while (have := prod(shape[a] for a in left)) != (want := prod(new[a] for a in right)):
            left.append(before.pop(0)) if have < want else right.append(after.pop(0))
        groups.append((left, right))
    return groups
