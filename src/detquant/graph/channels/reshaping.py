"""Channels through a Reshape, and all that is one: Flatten, Squeeze, Unsqueeze.

Shapes before and after are cut into blocks of equal size, each of as few axes as it can have. What happens to the
channels happens in the block that their axis is in, axes of length 1 left out:

1. One axis stays one: it has moved.
2. Several become one (Flatten): each channel has several places then.
3. One becomes several (the first half of a channel shuffle, C -> g, C/g): the longest of them carries channels, and
   those at one place of it are tied.
4. Several become others: they stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.graph.channels.atoms import Lane
from detquant.graph.channels.cuts import Counts
from detquant.graph.channels.rules import Rule, Tracing, stop
from detquant.graph.values import constant, static_shape


def reshape(node: ir.Node, tracing: Tracing) -> None:
    """The rule of Reshape, Flatten, Squeeze and Unsqueeze."""
    lane, after = _moved(node, tracing), static_shape(node.outputs[0])
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    if lane is None or after is None or (node.op_type == "Reshape" and given is None):
        stop(node, tracing)
        return
    if node.op_type == "Reshape" and given is not None and given[lane.axis] != -1:
        whole = np.where(given == -1, -1, np.array(after, np.int64))
        tracing.cut(Counts(node=node.name or "", position=1, base=whole, entries={lane.axis: lane.atoms}))
    tracing.give(node.outputs[0], lane)


def _moved(node: ir.Node, tracing: Tracing) -> Lane | None:
    lane = tracing.lane(node.inputs[0])
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if lane is None or before is None or after is None or math.prod(before) == 0 or lane.atoms.size == 1:
        return None
    olds, news = _block(before, after, lane.axis)
    if len(news) == 1:  # cases 1 and 2
        places = np.unravel_index(np.arange(after[news[0]]), [before[axis] for axis in olds])
        return Lane(news[0], lane.atoms[places[olds.index(lane.axis)]])
    if len(olds) != 1:  # case 4
        return None
    longest = max(news, key=lambda axis: after[axis])  # case 3
    table = lane.atoms.reshape([after[axis] for axis in news])
    rows = np.moveaxis(table, news.index(longest), 0).reshape(after[longest], -1)
    for column in rows.T[1:]:
        tracing.tie(rows[:, 0], column)
    return Lane(longest, rows[:, 0])


def _block(before: Sequence[int], after: Sequence[int], axis: int) -> tuple[list[int], list[int]]:
    """The axes before and after of the block that an axis is in."""
    olds, news = ([k for k, size in enumerate(shape) if size > 1] for shape in (before, after))
    first, second = list[int](), list[int]()
    while axis not in first:
        first, second = [olds.pop(0)], [news.pop(0)]
        while (one := math.prod(before[k] for k in first)) != (other := math.prod(after[k] for k in second)):
            if one < other:
                first.append(olds.pop(0))
            else:
                second.append(news.pop(0))
    return first, second


RESHAPES: dict[str, Rule] = dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape)
