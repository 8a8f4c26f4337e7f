"""Who reads the channels of a map, through all that only moves them.

A detector joins its maps before it decodes them and takes them apart again: the same Concat holds boxes and scores. So
channels are followed as a run ``[first, end)`` along an axis: Transpose moves the axis, Concat along it the run, Split
and Slice along it cut it. A Reshape is followed where it leaves all axes up to this one as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import onnx_ir as ir

from detquant.graph.values import constant, is_op, static_shape


@dataclass(frozen=True, slots=True)
class _Run:
    """Channels ``[first, end)`` along an axis of a value."""

    value: ir.Value
    axis: int
    first: int
    end: int


def channel_readers(value: ir.Value, axis: int = 1) -> set[ir.Node] | None:
    """The nodes that compute something of a value's channels.

    Args:
        value: a value of static shape.
        axis: axis of its channels.

    Returns:
        The nodes; None where the channels cannot be followed, or are given out as they are.
    """
    shape = static_shape(value)
    if shape is None or len(shape) <= axis:
        return None
    found: set[ir.Node] = set()
    waiting = [_Run(value, axis, 0, shape[axis])]
    while waiting:
        run = waiting.pop()
        if run.value.is_graph_output():
            return None
        for node, position in run.value.uses():
            if not is_op(node, *_FOLLOWED):
                found.add(node)
                continue
            followed = list(_FOLLOWED[node.op_type](node, position, run))
            if any(one is None for one in followed):
                return None
            waiting += [one for one in followed if one is not None and one.first < one.end]
    return found


def _reshape(node: ir.Node, position: int, run: _Run) -> Iterator[_Run | None]:
    before, after = static_shape(run.value), static_shape(node.outputs[0])
    upto = run.axis + 1
    same = before is not None and after is not None and before[:upto] == after[:upto]
    yield replace(run, value=node.outputs[0]) if same and position == 0 else None


def _transpose(node: ir.Node, position: int, run: _Run) -> Iterator[_Run | None]:
    perm = list(node.attributes.get_ints("perm", ()))
    yield replace(run, value=node.outputs[0], axis=perm.index(run.axis)) if perm else None


def _concat(node: ir.Node, position: int, run: _Run) -> Iterator[_Run | None]:
    shapes = [static_shape(value) for value in node.inputs]
    known = [shape for shape in shapes if shape is not None]
    if len(known) != len(shapes):
        yield None
        return
    along = node.attributes.get_int("axis", 0) % len(known[0]) == run.axis
    before = sum(shape[run.axis] for shape in known[:position]) if along else 0
    yield replace(run, value=node.outputs[0], first=run.first + before, end=run.end + before)


def _split(node: ir.Node, position: int, run: _Run) -> Iterator[_Run | None]:
    start = 0
    for output in node.outputs:
        shape = static_shape(output)
        if shape is None:
            yield None
            return
        if node.attributes.get_int("axis", 0) % len(shape) != run.axis:
            yield replace(run, value=output)
            continue
        yield _cut(replace(run, value=output), start, start + shape[run.axis])
        start += shape[run.axis]


def _slice(node: ir.Node, position: int, run: _Run) -> Iterator[_Run | None]:
    given = [constant(value) for value in node.inputs[1:]]
    if len(given) < 3 or any(one is None for one in given) or position:
        yield None
        return
    starts, ends, axes, *steps = ([int(number) for number in one.reshape(-1)] for one in given if one is not None)
    shape = static_shape(run.value)
    assert shape is not None
    places = [axis % len(shape) for axis in axes]
    if run.axis not in places:
        yield replace(run, value=node.outputs[0])
        return
    k, size = places.index(run.axis), shape[run.axis]
    start, end = (min(max(one[k] + size if one[k] < 0 else one[k], 0), size) for one in (starts, ends))
    yield _cut(replace(run, value=node.outputs[0]), start, end) if not steps or steps[0][k] == 1 else None


def _cut(run: _Run, start: int, end: int) -> _Run:
    """The part of a run within [start, end), counted from ``start``."""
    return replace(run, first=max(run.first, start) - start, end=min(run.end, end) - start)


_FOLLOWED = {
    "Concat": _concat,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Transpose": _transpose,
}
