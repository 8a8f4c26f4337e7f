"""What is done channel by channel: poolings, means, sums, products, tables.

Each channel keeps its lane. Sums and products want both maps in the same lanes: layouts are chosen so; where they could
not be, one map is copied into the lanes of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from detquant.graph.window import Window
from detquant.integer.operators import IntegerOperator, MaxPool, Mean, Product, Sum, Table
from detquant.numerics.multipliers import Multiplier
from detquant.targets.verilog.lowering.draft import Draft, refused
from detquant.targets.verilog.lowering.layouts import layout_like
from detquant.targets.verilog.lowering.reading import in_lanes, passed, view_of
from detquant.targets.verilog.lowering.vanishing import without_vanishing
from detquant.targets.verilog.maps import CODE_BITS, EVERYWHERE, View, Word, runs
from detquant.targets.verilog.program import Kind, Scaling, Segment


def max_pool(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers MaxPool; a large window as one of columns, then one of rows: 10 steps for 5 x 5, not 25."""
    assert isinstance(operator, MaxPool)
    window, source = operator.window, view_of(draft, operator, operator.inputs[0])
    down, right = window.kernel
    fill = operator.smallest - draft.offset(operator.inputs[0])
    if down * right > down + right:
        grid = draft.grid(operator.inputs[0])
        columns = Window((1, right), (1, window.strides[1]), (1, window.dilations[1]), ((0, 0), window.pads[1]))
        between, low, high = f"{operator.output}/columns", grid.qtype.qmin, grid.qtype.qmax
        first = replace(operator, output=between, window=columns, low=low, high=high)
        draft.derived.append(first)
        draft.origins[between] = draft.origins.get(operator.inputs[0], operator.inputs[0])
        width = draft.graph.shapes[operator.output][3]
        each(first, None, draft, source, (source.height, width), columns, fill=fill)
        operator = replace(operator, inputs=(between,))
        source = draft.views[between]
        window = Window((down, 1), (window.strides[0], 1), (window.dilations[0], 1), (window.pads[0], (0, 0)))
    size = draft.graph.shapes[operator.output][2:]
    each(operator, table, draft, source, (size[0], size[1]), window, fill=fill)


def mean(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers means of windows of one size, or over height and width.

    Raises:
        UnsupportedOperator: it is over other axes, or its windows are of several sizes.
    """
    assert isinstance(operator, Mean)
    source = view_of(draft, operator, operator.inputs[0])
    rank = len(draft.graph.shapes[operator.inputs[0]])
    if operator.window is None and (rank != 4 or operator.axes != (2, 3)):
        raise refused(operator, f"it takes means over the axes {list(operator.axes)}, not over height and width")
    window = operator.window or Window.bare((source.height, source.width))
    if operator.multiplier.multiplier.size != 1:
        raise refused(operator, "windows at its border hold fewer pixels; let padding count")
    shape = draft.graph.shapes[operator.output]
    zero = draft.zero(operator.inputs[0])
    count = int(np.prod(window.kernel))
    scaling = scaling_of(operator.multiplier, (-zero * count, 0), count << CODE_BITS)
    size = (shape[2], shape[3]) if len(shape) == 4 else (1, 1)
    facts = {"kind": Kind.ADD, "scaling": scaling, "zero": operator.zero_out - draft.offset(operator.output)}
    each(operator, table, draft, source, size, window, fill=zero, **facts)


def look_up(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers a table that stands alone; ``table`` is what is behind it, and is lowered with the next one."""
    assert isinstance(operator, Table) and table is None
    source = view_of(draft, operator, operator.inputs[0])
    entries = draft.table(operator, operator.inputs[0])
    size = (source.height, source.width)
    each(operator, None, draft, source, size, Window.bare((1, 1)), table=entries, low=-(1 << 7), high=(1 << 7) - 1)


def add(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers the sum, or difference, of two maps: both come with multipliers of their own."""
    assert isinstance(operator, Sum)
    names, factors = operator.inputs, operator.multiplier.multiplier
    zeros = draft.zero(names[0]), draft.zero(names[1])
    zero = draft.zero(operator.output)
    whole = [int(draft.grid(name).zero_point) for name in (*names, operator.output)]
    moved = (whole[2] << int(operator.multiplier.shift)) - int((np.array(whole[:2]) * factors).sum())
    assert moved == operator.offset, operator.name  # the zero points are all that the offset has
    scaling = scaling_of(operator.multiplier, (-zeros[0], -zeros[1]), 1 << CODE_BITS)
    _of_two(operator, table, draft, kind=Kind.PAIR, scaling=scaling, zero=zero)


def multiply(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers the product of two maps, or of a map and one number for each channel."""
    assert isinstance(operator, Product)
    zeros = draft.zero(operator.inputs[0]), draft.zero(operator.inputs[1])
    scaling = replace(scaling_of(operator.multiplier, (0, 0), 1 << (2 * CODE_BITS)), zeros=zeros)
    zero = operator.zero_out - draft.offset(operator.output)
    _of_two(operator, table, draft, kind=Kind.PRODUCT, scaling=scaling, zero=zero)


def scaling_of(multiplier: Multiplier, biases: tuple[int, int], reach: int) -> Scaling:
    """Multipliers and shift for one term or two, none of which is larger than ``reach``."""
    given = multiplier.multiplier.reshape(-1)
    size, shift = (
        np.abs(given).sum(),
        multiplier.shift.reshape(-1)[0],
    )  # of all terms together, so that none is left out
    left, shifts = without_vanishing(np.asarray(size), np.asarray(shift), np.asarray(reach))
    factors = [int(one) if left else 0 for one in given] + [0]
    return Scaling(biases=biases, multipliers=(factors[0], factors[1]), shift=int(shifts))


def each(
    operator: IntegerOperator,
    behind: Table | None,
    draft: Draft,
    source: View,
    size: tuple[int, int],
    window: Window,
    **facts: Any,
) -> None:
    """Instructions for all runs of a map's words."""
    words, gives = draft.words(source), (behind or operator).output
    layout = layout_like(words, len(source.channels), draft.array.icp)
    out, first = draft.store(gives, len(words), size), 0
    for run in runs(words):
        made = passed(draft, operator.name, type(operator).__name__, gives, run, out, first, layout)
        made = replace(
            made,
            size=(source.height, source.width),
            kernel=window.kernel,
            strides=window.strides,
            dilations=window.dilations,
            pads=(window.pads[0][0], window.pads[1][0]),
            **(_limits(operator, behind, draft) | facts),
        )
        draft.instructions.append(made)
        first += len(run)
    draft.keep(gives, out, layout)


def _limits(operator: IntegerOperator, table: Table | None, draft: Draft) -> dict[str, Any]:
    own = draft.offset(operator.output)
    looked_up = None if table is None else draft.table(table, operator.output)
    return {"low": operator.low - own, "high": operator.high - own, "table": looked_up}


def _of_two(operator: IntegerOperator, table: Table | None, draft: Draft, **facts: Any) -> None:
    """Instructions for all runs of two maps' words, side by side.

    Raises:
        UnsupportedOperator: one of the maps is spread over channels, rows or columns, but not over both of the latter.
    """
    shape, gives = draft.graph.shapes[operator.output], (table or operator).output
    views = [view_of(draft, operator, name) for name in operator.inputs]
    size = (shape[2], shape[3]) if len(shape) == 4 else (1, 1)
    full = [(view.height, view.width) == size for view in views]
    for view, name, is_full in zip(views, operator.inputs, full, strict=True):
        if len(view.channels) != shape[1] or not (is_full or (view.height, view.width) == (1, 1)):
            raise refused(
                operator, f"'{name}' has the shape {list(draft.graph.shapes[name])} and the result {list(shape)}"
            )
    leading = 0 if full[0] else 1
    words = draft.words(views[leading])
    other = 1 - leading
    sides: list[list[Word]] = [words, words]
    sides[other] = _in_the_lanes_of(draft, operator.inputs[other], views[other], words)
    layout = layout_like(words, shape[1], draft.array.icp)
    out, first = draft.store(gives, len(words), size), 0
    for run in _common_runs(sides[0], sides[1]):
        heads = [word for word, _ in run], [word for _, word in run]
        made = passed(draft, operator.name, type(operator).__name__, gives, heads[leading], out, first, layout)
        segments = tuple(
            Segment(
                stored=side[0].stored, first=side[0].group, groups=1, shift=side[0].shift if is_full else EVERYWHERE
            )
            for side, is_full in zip(heads, full, strict=True)
        )
        draft.instructions.append(
            replace(made, segments=segments, size=size, **(_limits(operator, table, draft) | facts))
        )
        first += len(run)
    draft.keep(gives, out, layout)


def _in_the_lanes_of(draft: Draft, name: str, view: View, words: list[Word]) -> list[Word]:
    """A map's words in the order and the lanes of other words; from a copy where it has others."""
    found = _matched(draft.words(view), words)
    if found is None:
        found = _matched(draft.words(in_lanes(draft, name, view, words)), words)
    assert found is not None
    return found


def _matched(own: Iterable[Word], words: list[Word]) -> list[Word] | None:
    by_lanes = {frozenset(word.lanes.items()): word for word in own}
    found = [by_lanes.get(frozenset(word.lanes.items())) for word in words]
    known = [word for word in found if word is not None]
    return known if len(known) == len(words) else None


def _common_runs(one: list[Word], other: list[Word]) -> list[list[tuple[Word, Word]]]:
    """Pairs of words in runs that lie behind one another in both maps."""
    found: list[list[tuple[Word, Word]]] = []
    for pair in zip(one, other, strict=True):
        if found and all(word.follows(before) for word, before in zip(pair, found[-1][-1], strict=True)):
            found[-1].append(pair)
        else:
            found.append([pair])
    return found
